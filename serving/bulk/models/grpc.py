"""A model behind TensorFlow Serving's gRPC API, through its own protos."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stellwerk.environment import load, prepare
from stellwerk.errors import ModelError, did_you_mean
from stellwerk.serving.bulk.models.address import Address, parse
from stellwerk.serving.bulk.models.rest import AT_FIRST_S
from stellwerk.serving.bulk.models.retrying import Retrying, Unavailable
from stellwerk.serving.bulk.options import Options
from stellwerk.serving.tensors import Array, Tensor


class GrpcModel:
    """One version of a model behind gRPC."""

    batch_size = 1024

    def __init__(self, model: str, options: Options, say: Callable[[str], None]) -> None:
        """Asks the server which version there is and what it takes."""
        prepare()
        load("tensorflow")
        import grpc  # noqa: PLC0415 - with TensorFlow behind it, which REST need not
        from tensorflow_serving.apis import get_model_metadata_pb2, prediction_service_pb2_grpc  # noqa: PLC0415

        self._grpc: Any = grpc
        self._address: Address = parse(model, options)
        self._timeout = options.connection.timeout
        self._token = options.connection.token
        self.clients = options.connection.clients
        self._signature = options.signature
        self._retry = Retrying(str(self._address), options.connection.patience, say)
        self._channel = _channel(grpc, self._address, options)
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        request.model_spec.name = self._address.name
        if self._address.version is not None:
            request.model_spec.version.value = self._address.version
        elif self._address.label:
            request.model_spec.version_label = self._address.label
        try:
            answer = self._retry(lambda: self._call(self._stub.GetModelMetadata, request), AT_FIRST_S)
            self.inputs, self.outputs = _described(answer, options.signature, str(self._address))
        except BaseException:
            self.close()
            raise
        self._version = answer.model_spec.version.value
        self.identity = f"{options.signature} {self._address} version {self._version}"

    def ask(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Sends one request, several times where the server cannot take it now."""
        import tensorflow as tf  # noqa: PLC0415
        from tensorflow_serving.apis import predict_pb2  # noqa: PLC0415

        request = predict_pb2.PredictRequest()
        request.model_spec.name = self._address.name
        request.model_spec.version.value = self._version
        request.model_spec.signature_name = self._signature
        for name, values in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(values, shape=values.shape))
        answer = self._retry(lambda: self._call(self._stub.Predict, request))
        lacking = [name for name in self.outputs if name not in answer.outputs]
        if lacking:
            raise ModelError(f"{self._address}: the answer lacks the output '{lacking[0]}' of the model's signature.")
        return {name: tf.make_ndarray(answer.outputs[name]) for name in self.outputs}

    def interrupt(self) -> None:
        """Ends calls under way, and tries none again."""
        self.close()

    def close(self) -> None:
        """Closes the channel."""
        self._retry.end()
        self._channel.close()

    def _call(self, method: Any, request: Any) -> Any:
        metadata = [("authorization", f"Bearer {self._token}")] if self._token is not None else []
        codes = self._grpc.StatusCode
        try:
            return method(request, timeout=self._timeout, metadata=metadata)
        except ValueError as error:
            raise ModelError(f"{self._address}: {error}") from None
        except self._grpc.RpcError as error:
            code, details = error.code(), (error.details() or "no reason given")[:500]
            if "CERTIFICATE_VERIFY_FAILED" in details:
                raise ModelError(
                    f"{self._address}: the server's certificate is not trusted. Name the certificates of your own "
                    "authority with --ca."
                ) from None
            if code in (codes.UNAVAILABLE, codes.RESOURCE_EXHAUSTED, codes.DEADLINE_EXCEEDED, codes.ABORTED):
                raise Unavailable(f"{code.name}: {details}") from None
            advice = {
                codes.UNAUTHENTICATED: " Give a token with --token-file, or in the environment.",
                codes.PERMISSION_DENIED: " The token does not allow this model.",
                codes.NOT_FOUND: " If the version was unloaded meanwhile, run again: that asks the newest one.",
            }.get(code, "")
            raise ModelError(f"{self._address}: refused with {code.name}: {details.rstrip('.')}.{advice}") from None


def _channel(grpc: Any, address: Address, options: Options) -> Any:
    connection = options.connection
    limits = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    limits += [("grpc.max_reconnect_backoff_ms", 2000), ("grpc.initial_reconnect_backoff_ms", 200)]
    host = f"[{address.host}]" if ":" in address.host else address.host
    target = f"{host}:{address.port}"
    if not address.secure:
        return grpc.insecure_channel(target, options=limits)
    ca, key, cert = (path.read_bytes() if path else None for path in (connection.ca, connection.key, connection.cert))
    return grpc.secure_channel(target, grpc.ssl_channel_credentials(ca, key, cert), options=limits)


def _described(answer: Any, name: str, where: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    from tensorflow_serving.apis import get_model_metadata_pb2  # noqa: PLC0415

    found = get_model_metadata_pb2.SignatureDefMap()
    answer.metadata["signature_def"].Unpack(found)
    if name not in found.signature_def:
        raise ModelError(
            f"{where}: the model has no signature '{name}'.{did_you_mean(name, found.signature_def)} "
            f"It has: {', '.join(sorted(found.signature_def))}."
        )
    signature = found.signature_def[name]
    return _tensors(signature.inputs), _tensors(signature.outputs)


def _tensors(infos: Mapping[str, Any]) -> dict[str, Tensor]:
    import numpy as np  # noqa: PLC0415
    import tensorflow as tf  # noqa: PLC0415

    tensors = {}
    for name, info in sorted(infos.items()):
        dtype = tf.as_dtype(info.dtype)
        sizes = tuple(None if dim.size < 0 else int(dim.size) for dim in info.tensor_shape.dim)
        shape = None if info.tensor_shape.unknown_rank else sizes
        tensors[name] = Tensor(name, dtype.name, np.dtype(dtype.as_numpy_dtype), shape)
    return tensors
