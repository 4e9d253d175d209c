"""TensorFlow Serving's REST API, in column format. Needs no TensorFlow here."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from typing import Any

from stellwerk.serving.client.base import Unanswered
from stellwerk.serving.tensors import Array


def body(columns: Mapping[str, Array], signature: str | None = None) -> bytes:
    """Returns the JSON of a request for these values, [examples, ...] of each input; NaN is the bare token that TensorFlow Serving reads."""
    request: dict[str, Any] = {"inputs": {name: _plain(values) for name, values in columns.items()}}
    if signature is not None:
        request["signature_name"] = signature
    return json.dumps(request, ensure_ascii=False).encode()


def outputs(answer: bytes) -> Mapping[str, Any] | None:
    """Returns the values of each output as nested lists, '' for the name of an only one; None where it is no answer."""
    try:
        found = json.loads(answer)["outputs"]
    except (ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, Mapping) else {"": found}


def _plain(values: Array) -> Any:
    if values.dtype.kind != "O":
        return values.tolist()
    if values.ndim == 1:
        return [_text(value) for value in values.tolist()]
    return [[_text(value)] for value in values[:, 0]]


def _text(value: str | bytes) -> str | dict[str, str]:
    if isinstance(value, str):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(value).decode()}


class RestClient:
    """One HTTP connection that stays open, and is opened again after a request that failed."""

    def __init__(
        self,
        host: str,
        port: int,
        path: str,
        *,
        timeout: float,
        token: str | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """`path` is asked for predictions; with a `context` the connection is encrypted."""
        self._path, self._timeout = path, timeout
        self._headers = {"Content-Type": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._connection = (
            http.client.HTTPConnection(host, port, timeout=timeout)
            if context is None
            else http.client.HTTPSConnection(host, port, timeout=timeout, context=context)
        )

    def connect(self) -> None:
        """Connects ahead of the first request."""
        try:
            self._connection.connect()
        except OSError as error:
            raise Unanswered(f"no connection ({error.strerror or error})", broken=True) from error

    def ask(self, body: bytes) -> bytes:
        """Sends one request for predictions and returns the body of the answer."""
        return self.send("POST", self._path, body)

    def send(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """Sends a request and returns the body of the answer. Raises Unanswered."""
        try:
            self._connection.request(method, path, body, self._headers)
            answer = self._connection.getresponse()
            content = answer.read()
        except TimeoutError as error:
            self.close()
            raise Unanswered(f"no answer within {self._timeout:.0f} s") from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unanswered(f"the connection broke ({str(error) or type(error).__name__})", broken=True) from error
        if answer.status != 200:
            wait = answer.headers.get("Retry-After", "")
            raise Unanswered(
                f"status {answer.status}: {content.decode('utf-8', 'replace').strip():.300}",
                code=answer.status,
                said=_said(content),
                wait=float(wait) if wait.isdecimal() else 0.0,
            )
        return content

    def interrupt(self) -> None:
        """Ends the request under way, of another thread."""
        if self._connection.sock is not None:
            with contextlib.suppress(OSError):
                self._connection.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()


def _said(content: bytes) -> str:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return str(json.loads(content)["error"])[:500]
    return content[:200].decode("utf-8", "replace").strip() or "no reason given"
