"""A model behind TensorFlow Serving's REST API. Needs no TensorFlow here."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import numpy as np

from stellwerk.errors import ModelError, UsageError
from stellwerk.serving.bulk.models.address import Address, parse
from stellwerk.serving.bulk.models.base import Refused, chosen
from stellwerk.serving.bulk.models.retrying import AT_FIRST_S, Retrying, Unavailable
from stellwerk.serving.bulk.options import Connection, Options
from stellwerk.serving.client.base import Unanswered
from stellwerk.serving.client.rest import RestClient, body
from stellwerk.serving.tensors import Array, Tensor
from stellwerk.spec.data import Windows

_BAD_REQUEST = 400
_LATER = {429, 502, 503, 504}
_ADVICE = {
    401: " Give a token with --token-file, or in the environment.",
    403: " The token does not allow this model.",
    404: " If the version was unloaded meanwhile, run again: that asks the newest one.",
    413: " Send fewer rows at once with --batch-size.",
}
_DTYPES: dict[str, tuple[str, Any]] = {
    "DT_FLOAT": ("float32", np.float32),
    "DT_DOUBLE": ("float64", np.float64),
    "DT_HALF": ("float16", np.float16),
    "DT_INT64": ("int64", np.int64),
    "DT_INT32": ("int32", np.int32),
    "DT_INT16": ("int16", np.int16),
    "DT_INT8": ("int8", np.int8),
    "DT_UINT8": ("uint8", np.uint8),
    "DT_BOOL": ("bool", np.bool_),
    "DT_STRING": ("string", np.object_),
}


class RestModel:
    """One version of a model behind REST."""

    batch_size = 1024
    windows: Windows | None = None

    def __init__(self, model: str, options: Options, say: Callable[[str], None]) -> None:
        """Asks the server which version there is and what it takes."""
        self._address: Address = parse(model, options)
        self._connection = options.connection
        self.clients = options.connection.clients
        self._context = _tls(options.connection) if self._address.secure else None
        self._signature = options.signature
        self._local = threading.local()
        self._open: list[RestClient] = []
        self._retry = Retrying(str(self._address), options.connection.patience, say)
        address = self._address
        path = address.base + quote(address.name, safe="")
        choice = f"/versions/{address.version}" if address.version is not None else ""
        choice = f"/labels/{quote(address.label, safe='')}" if address.label else choice
        try:
            metadata = self._retry(lambda: self._send("GET", f"{path}{choice}/metadata"), AT_FIRST_S)
            self.inputs, self.outputs, version = _described(metadata, options.signature, str(address))
        except BaseException:
            self.close()
            raise
        self._path = f"{path}/versions/{version}:predict"
        self.identity = f"{options.signature} {address} version {version}"

    def ask(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Sends one request, several times where the server cannot take it now."""
        request = body(inputs, self._signature)
        answer = self._retry(lambda: self._send("POST", self._path, request)).get("outputs")
        by_name = answer if len(self.outputs) > 1 else {next(iter(self.outputs)): answer}
        try:
            return {name: _array(by_name[name], tensor) for name, tensor in self.outputs.items()}
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{self._address}: the answer is not what the model's signature says: {error!r}") from None

    def interrupt(self) -> None:
        """Ends requests under way, and tries none again."""
        self._retry.end()
        for client in self._open:
            client.interrupt()

    def close(self) -> None:
        """Closes the connections."""
        self._retry.end()
        for client in self._open:
            client.close()

    def _send(self, method: str, path: str, body: bytes | None = None) -> Any:
        try:
            content = self._client().send(method, path, body)
        except Unanswered as failed:
            raise self._told(failed) from None
        try:
            return json.loads(content)
        except ValueError:
            raise ModelError(f"{self._address}: the answer is not JSON: {content[:80]!r}.") from None

    def _client(self) -> RestClient:
        """Returns the client of this thread."""
        client: RestClient | None = getattr(self._local, "client", None)
        if client is None:
            address, given = self._address, self._connection
            client = RestClient(
                address.host, address.port, "", timeout=given.timeout, token=given.token, context=self._context
            )
            self._local.client = client
            self._open.append(client)
        return client

    def _told(self, failed: Unanswered) -> Exception:
        """Returns what is to be raised: what may pass, or why it will not."""
        error, where = failed.__cause__, str(self._address)
        if isinstance(error, ssl.SSLCertVerificationError):
            return ModelError(
                f"{where}: the server's certificate is not trusted: {error.verify_message}. Name the "
                "certificates of your own authority with --ca."
            )
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return ModelError(f"{where}: {_tls_reason(error)}")
        if error is not None:
            return Unavailable(_reason(error))
        if failed.code in _LATER:
            return Unavailable(f"status {failed.code}: {failed.said}", failed.wait)
        text, advice = failed.said, _ADVICE.get(int(failed.code or 0), "")
        message = f"{where}: refused with status {failed.code}: {text}{'' if text.endswith('.') else '.'}{advice}"
        return Refused(message, text) if failed.code == _BAD_REQUEST else ModelError(message)


def _tls(connection: Connection) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(connection.ca) if connection.ca else None)
        if connection.cert is not None:
            context.load_cert_chain(str(connection.cert), str(connection.key))
    except (ssl.SSLError, OSError) as error:
        raise UsageError(f"--ca, --cert or --key does not hold what it should, in PEM: {error}") from None
    return context


def _tls_reason(error: ssl.SSLError) -> str:
    reason = error.reason or ""
    if "CERTIFICATE_REQUIRED" in reason:
        return "the server asks for a certificate. Give one with --cert and --key."
    if reason in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST"}:
        return "the server does not speak TLS. Write http:// in the address, or ask the right port."
    return f"TLS failed: {reason or error}."


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "the request took too long"
    if isinstance(error, socket.gaierror):
        return f"the host is not known ({error.strerror})"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _described(metadata: Any, name: str, where: str) -> tuple[dict[str, Tensor], dict[str, Tensor], int]:
    try:
        signatures = metadata["metadata"]["signature_def"]["signature_def"]
        version = int(metadata["model_spec"]["version"])
        signature = chosen(signatures, name, where)
        return _tensors(signature["inputs"]), _tensors(signature["outputs"]), version
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{where}: the metadata is not what TensorFlow Serving answers ({error!r}). Is this a model server?"
        ) from None


def _tensors(infos: Mapping[str, Any]) -> dict[str, Tensor]:
    tensors = {}
    for name, info in sorted(infos.items()):
        type_name, dtype = _DTYPES[info["dtype"]]
        shape = info.get("tensor_shape", {})
        sizes = tuple(None if int(dim["size"]) < 0 else int(dim["size"]) for dim in shape.get("dim", ()))
        tensors[name] = Tensor(name, type_name, np.dtype(dtype), None if shape.get("unknown_rank") else sizes)
    return tensors


def _array(values: Any, tensor: Tensor) -> Array:
    if tensor.dtype.kind != "O":
        return np.array(values, tensor.dtype)
    array = np.array(values, np.object_)
    if array.size and isinstance(array.flat[0], dict):
        decoded = [base64.b64decode(value["b64"]) for value in array.ravel()]
        flat = np.empty(len(decoded), np.object_)
        flat[:] = decoded
        return flat.reshape(array.shape)
    return array
