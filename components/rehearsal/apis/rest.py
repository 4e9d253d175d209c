"""TensorFlow Serving's REST API, in column format."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Mapping
from typing import Any

from stellwerk.components.rehearsal.apis.base import ANSWER_SECONDS, Unanswered
from stellwerk.components.rehearsal.candidate import HOST, NAME, Ports
from stellwerk.serving.tensors import Array


class Rest:
    """Asks by HTTP; NaN is the bare token that TensorFlow Serving reads."""

    def body(self, columns: Mapping[str, Array]) -> bytes:
        """Returns the JSON of a request."""
        return json.dumps({"inputs": {name: _plain(values) for name, values in columns.items()}}).encode()

    def outputs(self, answer: bytes) -> Mapping[str, Any] | None:
        """Returns the values of each output as nested lists."""
        try:
            outputs = json.loads(answer)["outputs"]
        except (ValueError, KeyError, TypeError):
            return None
        return outputs if isinstance(outputs, Mapping) else {"": outputs}

    def client(self, ports: Ports) -> RestClient:
        """Returns a new client."""
        return RestClient(ports.rest)


def _plain(values: Array) -> list[Any]:
    if values.dtype.kind != "O":
        plain: list[Any] = values.tolist()
        return plain
    return [_text(value) for value in values]


def _text(value: bytes) -> str | dict[str, str]:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(value).decode("ascii")}


class RestClient:
    """One HTTP connection that stays open."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection(HOST, port, timeout=ANSWER_SECONDS)

    def connect(self) -> None:
        """Connects ahead of the first request."""
        try:
            self._connection.connect()
        except OSError as error:
            raise Unanswered(f"no connection ({error.strerror or error})", broken=True) from error

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    def ask(self, body: bytes) -> bytes:
        """Sends one request and returns the body of the answer."""
        try:
            self._connection.request("POST", f"/v1/models/{NAME}:predict", body, {"Content-Type": "application/json"})
            answer = self._connection.getresponse()
            text = answer.read()
        except TimeoutError as error:
            self.close()
            raise Unanswered(f"no answer within {ANSWER_SECONDS:.0f} s") from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unanswered(f"the connection broke ({str(error) or type(error).__name__})", broken=True) from error
        if answer.status != 200:
            raise Unanswered(f"status {answer.status}: {text.decode('utf-8', 'replace').strip():.300}")
        return text
