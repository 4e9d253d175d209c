"""The server around the services: limits, a bad peer, TLS, interceptors, and its end."""

from __future__ import annotations

import datetime
import socket
import threading
import time

import grpc
import numpy as np
import pytest
import tensorflow as tf
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from stellwerk.errors import UsageError

PREDICT = "/tensorflow.serving.PredictionService/Predict"


def asking(values=(1.0,)):
    request = predict_pb2.PredictRequest(model_spec={"name": "exported"})
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.array(values, np.float32)))
    return request


def test_a_message_over_the_limit_is_refused_and_the_server_goes_on(prediction, refusal):
    code, _ = refusal(prediction.Predict, asking(np.zeros(100_000)))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert len(prediction.Predict(asking(np.zeros(40_000)), timeout=60).outputs["probabilities"].float_val) == 40_000


@pytest.mark.parametrize(
    "message", [b"\xff" * 50, b"\x0a\x04\x0a\x02\xff\xff", b"\x0a\xff"], ids=["noise", "utf8", "cut"]
)
def test_bytes_that_are_no_request_end_only_their_own_call(channel, prediction, message):
    raw = channel.unary_unary(PREDICT)
    with pytest.raises(grpc.RpcError) as caught:
        raw(message, timeout=60)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert prediction.Predict(asking(), timeout=60).outputs["probabilities"].float_val == [1.0]


def test_a_method_that_is_not_there_is_unimplemented(channel):
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/tensorflow.serving.PredictionService/Nothing")(b"", timeout=60)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_connections_that_send_nothing_or_nonsense_hold_nobody_up(models, serve):
    with serve(models, max_workers=2) as server:
        idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(8)]
        for connection in idle[:4]:
            connection.sendall(b"GET / HTTP/1.1\r\n")
        with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            never = channel.stream_unary(PREDICT)
            stop = threading.Event()
            waiting = [never.future(iter(stop.wait, b"")) for _ in range(8)]
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            assert stub.Predict(asking(), timeout=60).outputs["probabilities"].float_val == [1.0]
            for call in waiting:
                call.cancel()
            stop.set()
        for connection in idle:
            connection.close()


def test_a_call_that_takes_too_long_is_ended(models, monkeypatch, serve):
    with (
        serve(models, timeout_seconds=0.2) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
        models.servable("exported") as servable,
    ):
        stop = threading.Event()
        never_sent = channel.stream_unary(PREDICT).future(iter(stop.wait, b""), timeout=60)
        assert never_sent.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert never_sent.details() == "The call was not done after 0.2 seconds."
        nothing_sent = channel.stream_unary(PREDICT).future(iter(()), timeout=60)
        assert nothing_sent.code() is grpc.StatusCode.INVALID_ARGUMENT
        monkeypatch.setattr(servable.model, "predict", lambda *_: stop.wait(20))
        never_answered = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict.future(asking(), timeout=60)
        assert never_answered.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        stop.set()


def test_a_failure_nobody_foresaw_is_internal_and_logged(models, monkeypatch, prediction, refusal, caplog):
    with models.servable("exported") as servable:
        monkeypatch.setattr(servable.model, "predict", lambda *_: 1 / 0)
        code, text = refusal(prediction.Predict, asking())
    assert code is grpc.StatusCode.INTERNAL
    assert text == "the server could not answer this request; its log says why."
    assert "ZeroDivisionError" in caplog.text


def test_more_calls_than_may_be_under_way_are_refused(models, monkeypatch, refusal, serve):
    started, stop = threading.Event(), threading.Event()
    with (
        serve(models, max_under_way=1) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
        models.servable("exported") as servable,
    ):
        predict = servable.model.predict

        def slow(*arguments):
            started.set()
            stop.wait(20)
            return predict(*arguments)

        monkeypatch.setattr(servable.model, "predict", slow)
        first = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict.future(asking(), timeout=60)
        assert started.wait(20)
        request = get_model_status_pb2.GetModelStatusRequest(model_spec={"name": "exported"})
        code, _ = refusal(model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus, request)
        stop.set()
        assert first.result().outputs["probabilities"].float_val == [1.0]
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_port_that_is_taken_is_a_usage_error(server, models, serve):
    with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1:{server.port}"):
        serve(models, port=server.port)


@pytest.fixture(scope="module")
def certificate():
    """A key and a certificate of this machine that is its own authority."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]),
    )
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    return pem, made.public_bytes(serialization.Encoding.PEM)


def test_tls_and_mutual_tls_guard_the_port(models, certificate, serve):
    key, chain = certificate
    mutual = grpc.ssl_server_credentials([(key, chain)], root_certificates=chain, require_client_auth=True)
    with serve(models, credentials=mutual) as server:
        target = f"localhost:{server.port}"
        known = grpc.ssl_channel_credentials(root_certificates=chain, private_key=key, certificate_chain=chain)
        with grpc.secure_channel(target, known) as channel:
            answer = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(asking(), timeout=60)
            assert answer.outputs["probabilities"].float_val == [1.0]
        for stranger in (
            grpc.secure_channel(target, grpc.ssl_channel_credentials(root_certificates=chain)),
            grpc.insecure_channel(target),
        ):
            with stranger as channel, pytest.raises(grpc.RpcError) as caught:
                prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(asking(), timeout=5)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


class Plain(grpc.ServerInterceptor):
    """Lets in who says the word."""

    def intercept_service(self, continuation, details):
        if ("authorization", "Bearer word") in [tuple(item) for item in details.invocation_metadata]:
            return continuation(details)

        def refuse(_, context):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "say the word")

        return grpc.unary_unary_rpc_method_handler(refuse)


class Asynchronous(grpc.aio.ServerInterceptor):
    """The same."""

    async def intercept_service(self, continuation, details):
        if ("authorization", "Bearer word") in [tuple(item) for item in details.invocation_metadata]:
            return await continuation(details)

        async def refuse(_, context):
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "say the word")

        return grpc.unary_unary_rpc_method_handler(refuse)


@pytest.mark.parametrize("interceptor", [Plain(), Asynchronous()], ids=["plain", "async"])
def test_an_interceptor_stands_before_every_call(models, interceptor, serve):
    with (
        serve(models, interceptors=[interceptor]) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Predict(asking(), timeout=60)
        assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.UNAUTHENTICATED, "say the word")
        answer = stub.Predict(asking(), timeout=60, metadata=[("authorization", "Bearer word")])
        assert answer.outputs["probabilities"].float_val == [1.0]


def test_a_server_that_stops_finishes_what_is_under_way(models, monkeypatch, serve):
    server = serve(models)
    server.start()
    started = threading.Event()
    with models.servable("exported") as servable, grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        predict = servable.model.predict

        def slow(*arguments):
            started.set()
            time.sleep(0.2)
            return predict(*arguments)

        monkeypatch.setattr(servable.model, "predict", slow)
        answer = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict.future(asking(), timeout=60)
        started.wait(20)
        server.stop(10)
        assert answer.result().outputs["probabilities"].float_val == [1.0]
    server.stop()
    assert server.wait(0)
