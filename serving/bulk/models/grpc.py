"""A model behind TensorFlow Serving's gRPC API, through its own protos."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from stellwerk.environment import load, prepare
from stellwerk.errors import ModelError
from stellwerk.serving.bulk.models.address import Address, parse
from stellwerk.serving.bulk.models.base import Refused, chosen
from stellwerk.serving.bulk.models.retrying import AT_FIRST_S, Retrying, Unavailable
from stellwerk.serving.bulk.options import Connection, Options
from stellwerk.serving.client.base import Unanswered
from stellwerk.serving.tensors import Array, Tensor
from stellwerk.spec.data import Windows

_LATER = ("UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "ABORTED")
_ADVICE = {
    "UNAUTHENTICATED": " Give a token with --token-file, or in the environment.",
    "PERMISSION_DENIED": " The token does not allow this model.",
    "NOT_FOUND": " If the version was unloaded meanwhile, run again: that asks the newest one.",
}


class GrpcModel:
    """One version of a model behind gRPC."""

    batch_size = 1024
    windows: Windows | None = None

    def __init__(self, model: str, options: Options, say: Callable[[str], None]) -> None:
        """Asks the server which version there is and what it takes."""
        prepare()
        load("tensorflow")
        from tensorflow_serving.apis import get_model_metadata_pb2  # noqa: PLC0415

        from stellwerk.serving.client import grpc  # noqa: PLC0415 - with TensorFlow behind it, which REST need not

        self._api = grpc
        self._address: Address = parse(model, options)
        self.clients = options.connection.clients
        self._signature = options.signature
        self._retry = Retrying(str(self._address), options.connection.patience, say)
        self._client = _client(grpc, self._address, options.connection)
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        request.model_spec.name = self._address.name
        if self._address.version is not None:
            request.model_spec.version.value = self._address.version
        elif self._address.label:
            request.model_spec.version_label = self._address.label
        asked = request.SerializeToString()
        try:
            told = self._retry(lambda: self._answer(lambda: self._client.send("GetModelMetadata", asked)), AT_FIRST_S)
            answer = get_model_metadata_pb2.GetModelMetadataResponse.FromString(told)
            self.inputs, self.outputs = _described(answer, options.signature, str(self._address))
        except BaseException:
            self.close()
            raise
        self._version = answer.model_spec.version.value
        self.identity = f"{options.signature} {self._address} version {self._version}"

    def ask(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Sends one request, several times where the server cannot take it now."""
        body = self._api.body(inputs, self._address.name, self._version, self._signature)
        answer = self._api.outputs(self._retry(lambda: self._answer(lambda: self._client.ask(body)))) or {}
        lacking = [name for name in self.outputs if name not in answer]
        if lacking:
            raise ModelError(f"{self._address}: the answer lacks the output '{lacking[0]}' of the model's signature.")
        return {name: answer[name] for name in self.outputs}

    def interrupt(self) -> None:
        """Ends calls under way, and tries none again."""
        self.close()

    def close(self) -> None:
        """Closes the channel."""
        self._retry.end()
        self._client.close()

    def _answer(self, send: Callable[[], bytes]) -> bytes:
        try:
            return send()
        except ValueError as error:
            raise ModelError(f"{self._address}: {error}") from None
        except Unanswered as failed:
            if "CERTIFICATE_VERIFY_FAILED" in failed.said:
                raise ModelError(
                    f"{self._address}: the server's certificate is not trusted. Name the certificates of your own "
                    "authority with --ca."
                ) from None
            if failed.code in _LATER:
                raise Unavailable(f"{failed.code}: {failed.said}") from None
            said, advice = failed.said.rstrip("."), _ADVICE.get(str(failed.code), "")
            message = f"{self._address}: refused with {failed.code}: {said}.{advice}"
            raise (Refused(message, said) if str(failed.code) == "INVALID_ARGUMENT" else ModelError(message)) from None


def _client(api: Any, address: Address, given: Connection) -> Any:
    files = (given.ca, given.key, given.cert)
    certificates = tuple(path.read_bytes() if path else None for path in files) if address.secure else None
    return api.GrpcClient(
        address.host, address.port, timeout=given.timeout, token=given.token, certificates=certificates
    )


def _described(answer: Any, name: str, where: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    from tensorflow_serving.apis import get_model_metadata_pb2  # noqa: PLC0415

    found = get_model_metadata_pb2.SignatureDefMap()
    answer.metadata["signature_def"].Unpack(found)
    signature = chosen(found.signature_def, name, where)
    return _tensors(signature.inputs), _tensors(signature.outputs)


def _tensors(infos: Mapping[str, Any]) -> dict[str, Tensor]:
    import tensorflow as tf  # noqa: PLC0415

    tensors = {}
    for name, info in sorted(infos.items()):
        dtype = tf.as_dtype(info.dtype)
        sizes = tuple(None if dim.size < 0 else int(dim.size) for dim in info.tensor_shape.dim)
        shape = None if info.tensor_shape.unknown_rank else sizes
        tensors[name] = Tensor(name, dtype.name, np.dtype(dtype.as_numpy_dtype), shape)
    return tensors
