"""What a server says once it answers: which models, in which versions, where, and a request to try."""

from __future__ import annotations

import itertools
import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from stellwerk.serving.errors import ServingError
from stellwerk.serving.loading import SIGNATURE
from stellwerk.serving.protos import to_array
from stellwerk.serving.servable import Servable, State
from stellwerk.serving.server import ModelServer
from stellwerk.serving.tensors import Array, Tensor
from stellwerk.serving.warmup import WARMUP_FILE

LONGEST = 4_000
"""Letters of a request that is still shown."""
_RECORDS = 5
_MADE_UP: dict[str, Any] = {"f": 0.5, "i": 1, "u": 1, "b": True, "O": "text"}


def announcement(server: ModelServer) -> Iterator[str]:
    """Yields lines: each model with its versions and labels, a request for the first, and what else there is to ask."""
    names = server.models.names
    for name in names:
        numbers = [str(one.version) for one in server.models.status(name) if one.state is State.AVAILABLE]
        labels = [f"{label} is {number}" for label, number in sorted(server.models.configs[name].labels.items())]
        told = f"version{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}" if numbers else "no version yet"
        yield f"ready: {name}, {told}{f' ({chr(44).join(labels)})' if labels else ''}"
    request = next(filter(None, (_request(server, name) for name in names)), None)
    if request and server.address:
        yield f"try: {request}"
    if server.address:
        yield f"more: {server.address}/openapi.json (every address and input), {server.address}/metrics, {server.address}/healthz"


def _request(server: ModelServer, name: str) -> str | None:
    """Returns a command that asks the model; None where it takes what JSON cannot say in a few lines."""
    try:
        with server.models.servable(name) as servable:
            row = example_row(servable)
    except ServingError:
        return None
    if row is None:
        return None
    body = json.dumps({"instances": [row]}, ensure_ascii=False)
    options = " --header 'Authorization: Bearer TOKEN'" if server.options.tokens else ""
    options += " --cacert CERTIFICATE" if server.options.tls else ""
    command = f"curl{options} -d {shlex.quote(body)} {shlex.quote(f'{server.url(name)}:predict')}"
    return command if len(command) <= LONGEST else None


def example_row(servable: Servable) -> dict[str, Any] | None:
    """Returns a row that the model takes: the first of those it is warmed up with that has all values.

    Without one, values made up of the right types. None for a model that takes no columns of single values.
    """
    signature = servable.signatures.get(SIGNATURE)
    if signature is None or not signature.inputs or any(_inner(tensor) for tensor in signature.inputs.values()):
        return None
    inputs: Mapping[str, Tensor] = signature.inputs
    rows = [row for batch in _warmed(servable) if set(batch) == set(inputs) for row in _rows(batch, inputs)]
    made_up = {name: _MADE_UP.get(tensor.dtype.kind) for name, tensor in inputs.items()}
    return rows[0] if rows else made_up


def _inner(tensor: Tensor) -> bool:
    return tensor.shape is None or len(tensor.shape) != 1


def _warmed(servable: Servable) -> list[dict[str, Array]]:
    """Returns the arrays of the first Predict requests that the model is warmed up with."""
    file = servable.path / WARMUP_FILE
    if not file.exists():
        return []
    try:
        records = list(itertools.islice(tf.data.TFRecordDataset(str(file)).as_numpy_iterator(), _RECORDS))
        logs = [PredictionLog.FromString(record) for record in records]
    except (tf.errors.OpError, DecodeError):
        return []
    requests = [log.predict_log.request for log in logs if log.WhichOneof("log_type") == "predict_log"]
    wanted = [request for request in requests if request.model_spec.signature_name in ("", SIGNATURE)]
    return [{name: to_array(tensor) for name, tensor in request.inputs.items()} for request in wanted]


def _rows(batch: Mapping[str, Array], inputs: Mapping[str, Tensor]) -> Iterator[dict[str, Any]]:
    """Yields the complete rows of a batch as JSON writes them."""
    for row in range(min(len(array) for array in batch.values())):
        values = {name: _plain(batch[name][row], inputs[name]) for name in inputs}
        if None not in values.values():
            yield values


def _plain(value: Any, tensor: Tensor) -> Any:
    """Returns a value as JSON writes it; None where it is missing or cannot be written."""
    missing = tensor.missing
    if isinstance(value, bytes):
        try:
            return value.decode() or None
        except UnicodeDecodeError:
            return None
    if value == missing or value != value:  # noqa: PLR0124 - NaN
        return None
    if not isinstance(value, np.floating):
        return value.item()
    short = float(str(value))  # 18.7 rather than what 32 bits make of it
    return int(short) if short.is_integer() and abs(short) < 1e15 else short
