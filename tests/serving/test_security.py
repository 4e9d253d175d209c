"""Tokens, TLS and mutual TLS, over REST and gRPC; addresses that are not opened without protection."""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import socket
import ssl

import grpc
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)

from stellwerk.errors import UsageError
from stellwerk.serving.config import ModelConfig
from stellwerk.serving.errors import Code, ServingError
from stellwerk.serving.rest.limits import Limits
from stellwerk.serving.rest.messages import Response
from stellwerk.serving.rest.server import HttpServer
from stellwerk.serving.security import Tls, Tokens, bearer, check_exposure
from stellwerk.serving.server import ModelServer, ServerOptions

ROW = {"distance": 1.0, "carrier": "AA", "day": 2}


def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def signed(name, key, issuer, issuer_key):
    now = datetime.datetime.now(datetime.UTC)
    alternatives = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=name == issuer, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(x509.KeyUsage(True, *[False] * 4, name == issuer, name == issuer, False, False), critical=True)
    )
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """Files of an authority, a server and a client that it signed, and a client that nobody knows."""
    folder = tmp_path_factory.mktemp("certificates")
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("authority", "server", "client", "stranger")}
    for name, key in keys.items():
        issuer = "stranger" if name == "stranger" else "authority"
        (folder / f"{name}.pem").write_bytes(signed(name, key, issuer, keys[issuer]))
        (folder / f"{name}.key").write_bytes(pem(key))
    return folder


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    """A file with a token for flights, one for boats given by its digest, and one for everything."""
    file = tmp_path_factory.mktemp("tokens") / "tokens.txt"
    digest = hashlib.sha256(b"for-boats").hexdigest()
    file.write_text(f"# model token\n\nflights for-flights\nboats sha256:{digest}\n* for-all\n")
    return Tokens.read(file)


@pytest.fixture(scope="module")
def guarded(model_path, tokens):
    models = [ModelConfig("flights", model_path.parent), ModelConfig("boats", model_path.parent)]
    with ModelServer(models, ServerOptions(rest_port=0, grpc_port=0, tokens=tokens)) as server:
        yield server


@pytest.mark.parametrize(
    ("token", "path", "expected"),
    [
        (None, "/v1/models/flights", 401),
        ("wrong", "/v1/models/flights", 401),
        ("for-flights", "/v1/models/flights", 200),
        ("for-flights", "/v1/models/flights/metadata", 200),
        ("for-flights", "/v1/models/boats", 403),
        ("for-boats", "/v1/models/boats", 200),
        ("for-all", "/v1/models/boats", 200),
        (hashlib.sha256(b"for-boats").hexdigest(), "/v1/models/boats", 401),
        ("for-flights", "/v1/models/none", 403),
        ("for-all", "/v1/models/none", 404),
        ("for-all", "/metrics", 200),
        ("for-flights", "/metrics", 403),
        (None, "/metrics", 401),
        ("for-all", "/openapi.json", 200),
        ("for-flights", "/openapi.json", 403),
        (None, "/healthz", 200),
    ],
)
def test_rest_opens_a_model_to_its_tokens_alone(guarded, token, path, expected):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = requests.get(guarded.address + path, headers=headers, timeout=60)
    assert answer.status_code == expected
    assert token is None or token not in answer.text
    if expected == 401:
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_prediction_without_a_token_is_refused_whatever_its_body_is(guarded):
    answer = requests.post(f"{guarded.url('flights')}:predict", data=b"\xff", timeout=60)
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("token", "model", "expected"),
    [
        (None, "flights", grpc.StatusCode.UNAUTHENTICATED),
        ("wrong", "flights", grpc.StatusCode.UNAUTHENTICATED),
        ("for-flights", "boats", grpc.StatusCode.PERMISSION_DENIED),
        ("for-flights", "flights", None),
        ("for-all", "boats", None),
    ],
)
def test_grpc_opens_a_model_to_its_tokens_alone(guarded, token, model, expected):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = model
    metadata = [("authorization", f"Bearer {token}")] if token else None
    with grpc.insecure_channel(guarded.grpc_address) as channel:
        ask = prediction_service_pb2_grpc.PredictionServiceStub(channel).GetModelMetadata
        if expected is None:
            assert ask(request, metadata=metadata, timeout=60).model_spec.name == model
            return
        with pytest.raises(grpc.RpcError) as refused:
            ask(request, metadata=metadata, timeout=60)
    assert refused.value.code() == expected


def test_every_task_of_a_multi_inference_needs_its_token(guarded):
    request = inference_pb2.MultiInferenceRequest()
    for name in ("flights", "boats"):
        request.tasks.add().model_spec.name = name
    with grpc.insecure_channel(guarded.grpc_address) as channel:
        ask = prediction_service_pb2_grpc.PredictionServiceStub(channel).MultiInference
        with pytest.raises(grpc.RpcError) as refused:
            ask(request, metadata=[("authorization", "Bearer for-flights")], timeout=60)
    assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED


def test_only_the_token_of_everything_reloads_models(guarded):
    with grpc.insecure_channel(guarded.grpc_address) as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        with pytest.raises(grpc.RpcError) as refused:
            stub.HandleReloadConfigRequest(
                model_management_pb2.ReloadConfigRequest(),
                metadata=[("authorization", "Bearer for-flights")],
                timeout=60,
            )
        assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = "flights"
        answer = stub.GetModelStatus(request, metadata=[("authorization", "Bearer for-flights")], timeout=60)
    assert answer.model_version_status[0].version == 3


@pytest.mark.parametrize("header", [[], [("authorization", "Bearer wrong")]], ids=["none", "wrong"])
def test_a_stream_without_a_token_is_refused_and_the_health_of_the_server_is_not(guarded, header):
    asking = reflection_pb2.ServerReflectionRequest(list_services="")
    with grpc.insecure_channel(guarded.grpc_address) as channel:
        reflect = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo
        with pytest.raises(grpc.RpcError) as refused:
            list(reflect(iter([asking]), metadata=header, timeout=60))
        assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
        (answer,) = reflect(iter([asking]), metadata=[("authorization", "Bearer for-flights")], timeout=60)
        assert answer.list_services_response.service
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), metadata=header, timeout=60)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        watch.cancel()


@pytest.mark.parametrize("mutual", [False, True])
def test_tls_encrypts_both_apis_and_mutual_tls_asks_clients_for_a_certificate(certificates, model_path, mutual):
    authority = certificates / "authority.pem"
    tls = Tls(certificates / "server.pem", certificates / "server.key", authority if mutual else None)
    files = [(str(certificates / f"{name}.pem"), str(certificates / f"{name}.key")) for name in ("client", "stranger")]
    with ModelServer(
        [ModelConfig("flights", model_path.parent)], ServerOptions(rest_port=0, grpc_port=0, tls=tls)
    ) as server:
        url = f"{server.url('flights')}:predict"
        body = {"instances": [ROW]}
        assert requests.post(url, json=body, verify=authority, cert=files[0], timeout=60).json() == {
            "predictions": [[13.0]]
        }
        for stranger in (None, files[1]):
            if mutual:
                with pytest.raises((requests.exceptions.SSLError, requests.exceptions.ConnectionError)):
                    requests.post(url, json=body, verify=authority, cert=stranger, timeout=60)
            else:
                assert requests.post(url, json=body, verify=authority, cert=stranger, timeout=60).status_code == 200
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.post(url.replace("https", "http"), json=body, timeout=60)

        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = "flights"
        chain = [(certificates / f"client{end}").read_bytes() for end in (".key", ".pem")]
        for shown, works in ((chain, True), ([], not mutual)):
            credentials = grpc.ssl_channel_credentials(authority.read_bytes(), *shown)
            with grpc.secure_channel(server.grpc_address, credentials) as channel:
                ask = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus
                if works:
                    assert ask(request, timeout=60).model_version_status[0].version == 3
                else:
                    with pytest.raises(grpc.RpcError):
                        ask(request, timeout=3)


def test_a_tls_handshake_that_never_comes_is_ended_in_time_and_locks_nobody_out(certificates):
    context = Tls(certificates / "server.pem", certificates / "server.key").context()
    limits = Limits(head_s=0.3, connections=2)
    with HttpServer("127.0.0.1", 0, lambda _: Response(200, b"fine"), limits, tls=context) as server:
        silent = [socket.create_connection(server.address, timeout=60) for _ in range(2)]
        url = f"https://127.0.0.1:{server.address[1]}/"
        assert requests.get(url, verify=certificates / "authority.pem", timeout=60).text == "fine"
        assert [client.recv(100) for client in silent] == [b"", b""]
        for client in silent:
            client.close()


def test_large_bodies_pass_tls_both_ways(certificates):
    context = Tls(certificates / "server.pem", certificates / "server.key").context()
    body = bytes(range(256)) * 20_000
    with HttpServer("127.0.0.1", 0, lambda request: Response(200, request.body), tls=context) as server:
        url = f"https://127.0.0.1:{server.address[1]}/"
        with requests.Session() as session:
            for _ in range(2):
                assert session.post(url, body, verify=certificates / "authority.pem", timeout=60).content == body


def test_old_tls_is_refused(certificates):
    context = Tls(certificates / "server.pem", certificates / "server.key").context()
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    "files", [("server.pem", "client.key"), ("missing.pem", "server.key"), ("server.key", "server.key")]
)
def test_certificates_that_do_not_fit_are_told(certificates, files):
    with pytest.raises(UsageError, match=r"TLS: .* cannot be used"):
        Tls(certificates / files[0], certificates / files[1]).context()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "there is no token"),
        ("# only a comment\n", "there is no token"),
        ("flights", r"tokens:1: a line has a model"),
        ("flights secret-word extra", r"tokens:1: a line has a model"),
        ("\nflights sha256:12", r"tokens:2: after sha256:"),
        ("flights sha256:" + "z" * 64, "64 hexadecimal digits"),
    ],
)
def test_a_malformed_file_of_tokens_is_told_without_the_token(text, sentence):
    with pytest.raises(UsageError, match=sentence) as refused:
        Tokens(text.splitlines(), "tokens")
    assert "secret-word" not in str(refused.value)


def test_tokens_come_from_the_environment_too():
    tokens = Tokens.from_environment("flights one; flights two")
    tokens.check("two", "flights")
    with pytest.raises(ServingError) as refused:
        tokens.check("two", "boats")
    assert refused.value.code is Code.PERMISSION_DENIED


def test_a_file_of_tokens_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        Tokens.read(tmp_path / "none")


@pytest.mark.parametrize(
    ("header", "token"),
    [(None, None), ("", None), ("Basic YTpi", None), ("Bearer", None), ("Bearer  a ", "a"), ("bearer a", "a")],
)
def test_the_token_is_read_from_the_header(header, token):
    assert bearer(header) == token


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "example.org"])
def test_an_address_that_others_reach_needs_protection(host):
    with pytest.raises(UsageError, match="--insecure"):
        check_exposure(host, protected=False)
    check_exposure(host, protected=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.9.1"])
def test_loopback_needs_no_protection(host):
    check_exposure(host, protected=False)
