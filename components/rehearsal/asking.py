"""Requests made of real examples, the answers that the model gives when it is called directly, and a client that asks."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.rehearsal.candidate import HOST, NAME
from stellwerk.errors import DataError
from stellwerk.serving.loading import LoadedModel
from stellwerk.serving.tensors import Array, inputs_from_batch
from stellwerk.spec.rehearse import Rehearse

SPLIT = "eval"

MOST_EXAMPLES = 100_000
"""So many different examples are asked at most; more requests ask the same ones again."""

BATCH_ROWS = 8_192

ANSWER_SECONDS = 30.0
"""A request without an answer for so long has failed."""

Answers = Mapping[str, Array]
"""Values of each output, [examples, ...]."""


@dataclass(frozen=True)
class Requests:
    """Bodies of requests, the examples in each, and what the model answers for each example when it is called directly."""

    bodies: Sequence[bytes]
    examples: Sequence[Array]
    expected: Answers


def prepare(settings: Rehearse, examples: Path, model: Path) -> Requests:
    """Makes the requests and asks the model for their answers, without a server.

    Raises DataError when the eval split is empty or does not fit the model, ModelError when the model does not load or answer.
    """
    data = Examples.open(examples)
    wanted = min(data.rows(SPLIT), settings.requests * settings.batch_size, MOST_EXAMPLES)
    if not wanted:
        raise DataError("the eval split has no examples to ask the server. Give data.split.eval a larger share")
    inputs: list[dict[str, Array]] = []
    answers: list[dict[str, Array]] = []
    with LoadedModel(model) as loaded:
        for batch in _first(data, loaded, wanted):
            inputs.append(inputs_from_batch(batch, loaded.inputs))
            answers.append(loaded.predict(inputs[-1]))
    different = max(1, wanted // settings.batch_size)
    columns = _joined(inputs)
    rows = [
        np.arange(at, at + settings.batch_size) % wanted
        for at in range(0, different * settings.batch_size, settings.batch_size)
    ]
    return Requests([_body(columns, asked) for asked in rows], rows, _joined(answers))


def _first(data: Examples, model: LoadedModel, wanted: int) -> list[pa.RecordBatch]:
    columns = [name for name in data.columns if name in model.inputs]
    found: list[pa.RecordBatch] = []
    for batch in data.batches(SPLIT, columns, min(BATCH_ROWS, wanted)):
        found.append(batch.slice(0, wanted - sum(part.num_rows for part in found)))
        if sum(part.num_rows for part in found) == wanted:
            break
    return found


def _joined(parts: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _body(columns: Mapping[str, Array], rows: Array) -> bytes:
    """Returns the body of a request in column format; NaN is the bare token that TensorFlow Serving reads."""
    return json.dumps({"inputs": {name: _plain(values[rows]) for name, values in columns.items()}}).encode()


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


class Unanswered(Exception):
    """A request that the server did not answer, or answered with an error."""

    def __init__(self, message: str, *, broken: bool = False) -> None:
        super().__init__(message)
        self.broken = broken
        """Whether the connection is gone, and with it perhaps the server."""


class Client:
    """One client with a connection of its own."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection(HOST, port, timeout=ANSWER_SECONDS)

    def connect(self) -> None:
        """Connects ahead of the first request, so that it is not part of what is measured."""
        try:
            self._connection.connect()
        except OSError as error:
            raise Unanswered(f"no connection ({error.strerror or error})", broken=True) from error

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    def ask(self, body: bytes) -> bytes:
        """Sends one request and returns the body of the answer. Raises Unanswered where it is an error, or none comes."""
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
