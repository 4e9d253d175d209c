"""TensorFlow Serving's gRPC API, PredictionService.Predict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import predict_pb2

from stellwerk.components.rehearsal.apis.base import ANSWER_SECONDS, Unanswered
from stellwerk.components.rehearsal.candidate import HOST, NAME, Ports
from stellwerk.serving.tensors import Array

CONNECT_SECONDS = 5.0

METHOD = "/tensorflow.serving.PredictionService/Predict"

OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),  # a connection for each client, and not one for all
]


class Grpc:
    """Asks by gRPC."""

    def body(self, columns: Mapping[str, Array]) -> bytes:
        """Returns a PredictRequest on the wire."""
        request = predict_pb2.PredictRequest()
        request.model_spec.name = NAME
        for name, values in columns.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(values, shape=values.shape))
        body: bytes = request.SerializeToString()
        return body

    def outputs(self, answer: bytes) -> Mapping[str, Any] | None:
        """Returns the values of each output as arrays."""
        try:
            outputs = predict_pb2.PredictResponse.FromString(answer).outputs
            return {name: tf.make_ndarray(tensor) for name, tensor in outputs.items()}
        except (DecodeError, ValueError, TypeError):
            return None

    def client(self, ports: Ports) -> GrpcClient:
        """Returns a new client."""
        return GrpcClient(ports.grpc)


class GrpcClient:
    """One gRPC channel with a connection of its own; bodies are bytes already, so nothing is encoded while time is taken."""

    def __init__(self, port: int) -> None:
        self._channel = grpc.insecure_channel(f"{HOST}:{port}", options=OPTIONS)
        self._predict = self._channel.unary_unary(METHOD)

    def connect(self) -> None:
        """Connects ahead of the first request."""
        try:
            grpc.channel_ready_future(self._channel).result(timeout=CONNECT_SECONDS)
        except grpc.FutureTimeoutError as error:
            raise Unanswered(f"no connection within {CONNECT_SECONDS:.0f} s", broken=True) from error

    def close(self) -> None:
        """Ends the connection."""
        self._channel.close()

    def ask(self, body: bytes) -> bytes:
        """Sends one request and returns the body of the answer."""
        try:
            answer: bytes = self._predict(body, timeout=ANSWER_SECONDS)
        except grpc.RpcError as error:
            code, details = error.code(), f"{error.details()}".strip()
            if code is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise Unanswered(f"no answer within {ANSWER_SECONDS:.0f} s") from None
            raise Unanswered(f"{code.name}: {details:.300}", broken=code is grpc.StatusCode.UNAVAILABLE) from None
        return answer
