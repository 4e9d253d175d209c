"""TensorFlow Serving's gRPC API, PredictionService."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import predict_pb2

from stellwerk.serving.client.base import Unanswered
from stellwerk.serving.tensors import Array

CONNECT_SECONDS = 5.0
SERVICE = "/tensorflow.serving.PredictionService"
OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.use_local_subchannel_pool", 1),  # a connection for each client, and not one for all
]


def body(columns: Mapping[str, Array], name: str, version: int | None = None, signature: str = "") -> bytes:
    """Returns a PredictRequest on the wire, for a model and the values of each input, [examples, ...]."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = name, signature
    if version is not None:
        request.model_spec.version.value = version
    for key, values in columns.items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(values, shape=values.shape))
    made: bytes = request.SerializeToString()
    return made


def outputs(answer: bytes) -> Mapping[str, Any] | None:
    """Returns the values of each output as arrays; None where it is no answer."""
    try:
        found = predict_pb2.PredictResponse.FromString(answer).outputs
        return {name: tf.make_ndarray(tensor) for name, tensor in found.items()}
    except (DecodeError, ValueError, TypeError):
        return None


class GrpcClient:
    """One gRPC channel with a connection of its own, for any number of threads; bodies are bytes already."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        timeout: float,
        token: str | None = None,
        certificates: tuple[bytes | None, bytes | None, bytes | None] | None = None,
    ) -> None:
        """With `certificates` (the authority's, our key, our own) the connection is encrypted."""
        self._timeout = timeout
        self._metadata = None if token is None else [("authorization", f"Bearer {token}")]
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._channel = (
            grpc.insecure_channel(target, options=OPTIONS)
            if certificates is None
            else grpc.secure_channel(target, grpc.ssl_channel_credentials(*certificates), options=OPTIONS)
        )
        self._predict = self._channel.unary_unary(f"{SERVICE}/Predict")

    def connect(self) -> None:
        """Connects ahead of the first request."""
        try:
            grpc.channel_ready_future(self._channel).result(timeout=CONNECT_SECONDS)
        except grpc.FutureTimeoutError as error:
            raise Unanswered(f"no connection within {CONNECT_SECONDS:.0f} s", broken=True) from error

    def ask(self, body: bytes) -> bytes:
        """Sends one request for predictions and returns the body of the answer."""
        return self._answer(self._predict, body)

    def send(self, method: str, body: bytes) -> bytes:
        """Sends a request of another method of the service and returns the body of the answer. Raises Unanswered."""
        return self._answer(self._channel.unary_unary(f"{SERVICE}/{method}"), body)

    def close(self) -> None:
        """Ends the connection, and requests under way."""
        self._channel.close()

    def _answer(self, method: Any, body: bytes) -> bytes:
        try:
            answer: bytes = method(body, timeout=self._timeout, metadata=self._metadata)
        except grpc.RpcError as error:
            code, details = error.code(), (error.details() or "").strip()
            late, gone = code is grpc.StatusCode.DEADLINE_EXCEEDED, code is grpc.StatusCode.UNAVAILABLE
            message = f"no answer within {self._timeout:.0f} s" if late else f"{code.name}: {details:.300}"
            said = details[:500] or "no reason given"
            raise Unanswered(message, broken=gone, code=code.name, said=said) from None
        return answer
