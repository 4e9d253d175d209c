"""A model behind TensorFlow Serving's REST API. Needs no TensorFlow here."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import numpy as np

from stellwerk.errors import ModelError, UsageError, did_you_mean
from stellwerk.serving.bulk.models.address import Address, parse
from stellwerk.serving.bulk.models.retrying import Retrying, Unavailable
from stellwerk.serving.bulk.options import Connection, Options
from stellwerk.serving.tensors import Array, Tensor

AT_FIRST_S = 5.0
"""How long the first contact is tried: a wrong address is told soon."""

_LATER = {429, 502, 503, 504}
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

    def __init__(self, model: str, options: Options, say: Callable[[str], None]) -> None:
        """Asks the server which version there is and what it takes."""
        self._address: Address = parse(model, options)
        self._connection = options.connection
        self.clients = options.connection.clients
        self._context = _tls(options.connection) if self._address.secure else None
        self._signature = options.signature
        self._local = threading.local()
        self._open: list[http.client.HTTPConnection] = []
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
        columns = {name: _json(values) for name, values in inputs.items()}
        body = json.dumps({"signature_name": self._signature, "inputs": columns}, ensure_ascii=False).encode()
        answer = self._retry(lambda: self._send("POST", self._path, body)).get("outputs")
        by_name = answer if len(self.outputs) > 1 else {next(iter(self.outputs)): answer}
        try:
            return {name: _array(by_name[name], tensor) for name, tensor in self.outputs.items()}
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{self._address}: the answer is not what the model's signature says: {error!r}") from None

    def interrupt(self) -> None:
        """Ends requests under way, and tries none again."""
        self._retry.end()
        for connection in self._open:
            if connection.sock is not None:
                with contextlib.suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Closes the connections."""
        self._retry.end()
        for connection in self._open:
            connection.close()

    def _send(self, method: str, path: str, body: bytes | None = None) -> Any:
        headers = {"Content-Type": "application/json"}
        if self._connection.token is not None:
            headers["Authorization"] = f"Bearer {self._connection.token}"
        connection = self._connected()
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            status, content, wait = response.status, response.read(), response.headers.get("Retry-After", "")
        except ssl.SSLCertVerificationError as error:
            self._drop()
            raise ModelError(
                f"{self._address}: the server's certificate is not trusted: {error.verify_message}. Name the "
                "certificates of your own authority with --ca."
            ) from None
        except (OSError, http.client.HTTPException) as error:
            self._drop()
            if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
                raise ModelError(f"{self._address}: {_tls_reason(error)}") from None
            raise Unavailable(_reason(error)) from None
        if status in _LATER:
            raise Unavailable(f"status {status}: {_error(content)}", float(wait) if wait.isdecimal() else 0.0)
        if status != 200:
            raise _refusal(status, content, str(self._address))
        try:
            return json.loads(content)
        except ValueError:
            raise ModelError(f"{self._address}: the answer is not JSON: {content[:80]!r}.") from None

    def _connected(self) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            host, port, timeout = self._address.host, self._address.port, self._connection.timeout
            if self._context is not None:
                connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=self._context)
            else:
                connection = http.client.HTTPConnection(host, port, timeout=timeout)
            self._local.connection = connection
            self._open.append(connection)
        return connection

    def _drop(self) -> None:
        self._local.connection.close()


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


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "the request took too long"
    if isinstance(error, socket.gaierror):
        return f"the host is not known ({error.strerror})"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _error(content: bytes) -> str:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return str(json.loads(content)["error"])[:500]
    return content[:200].decode("utf-8", "replace").strip() or "no reason given"


def _refusal(status: int, content: bytes, where: str) -> ModelError:
    advice = {
        401: " Give a token with --token-file, or in the environment.",
        403: " The token does not allow this model.",
        404: " If the version was unloaded meanwhile, run again: that asks the newest one.",
        413: " Send fewer rows at once with --batch-size.",
    }.get(status, "")
    text = _error(content)
    return ModelError(f"{where}: refused with status {status}: {text}{'' if text.endswith('.') else '.'}{advice}")


def _described(metadata: Any, name: str, where: str) -> tuple[dict[str, Tensor], dict[str, Tensor], int]:
    try:
        signatures = metadata["metadata"]["signature_def"]["signature_def"]
        version = int(metadata["model_spec"]["version"])
        if name not in signatures:
            raise ModelError(
                f"{where}: the model has no signature '{name}'.{did_you_mean(name, signatures)} "
                f"It has: {', '.join(sorted(signatures))}."
            )
        signature = signatures[name]
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


def _json(values: Array) -> Any:
    if values.dtype.kind != "O":
        return values.tolist()
    return (
        [_text(value) for value in values.ravel().tolist()] if values.ndim == 1 else [[_text(v)] for v in values[:, 0]]
    )


def _text(value: Any) -> Any:
    if isinstance(value, str):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(value).decode()}


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
