"""Compares what the server answered with what the model answers when it is called directly."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from stellwerk.components.rehearsal.apis import Api
from stellwerk.components.rehearsal.asking import Requests
from stellwerk.serving.tensors import Array

TOLERANCE = 1e-5
"""Numbers are equal that differ by so much of their size, or of the mean size of their output where that is larger: what the
kernels round otherwise in a batch of another size."""


@dataclass(frozen=True)
class Comparison:
    """How many answers were compared, how many examples they hold, and for how many of these the answer differs."""

    answers: int
    examples: int
    differing: int
    first: str | None
    """The first difference in words."""


def compare(api: Api, requests: Requests, answers: Mapping[int, bytes]) -> Comparison:
    """Compares `answers`, bodies by the number of the request. An answer that cannot be read differs for all its examples."""
    scales = {name: _scale(values) for name, values in requests.expected.items()}
    examples = differing = 0
    first: str | None = None
    for number in sorted(answers):
        rows = requests.examples[number]
        expected = {name: values[rows] for name, values in requests.expected.items()}
        wrong, at, what = _differences(expected, api.outputs(answers[number]), scales)
        examples += len(rows)
        differing += int(np.count_nonzero(wrong))
        if first is None and what is not None:
            first = f"example {rows[at]} of the eval split: {what}"
    return Comparison(len(answers), examples, differing, first)


def _scale(values: Array) -> float:
    if values.dtype.kind not in "fiu":
        return 0.0
    finite = values[np.isfinite(values)]
    return float(np.abs(finite).mean()) if finite.size else 0.0


def _differences(
    expected: Mapping[str, Array], outputs: Mapping[str, Any] | None, scales: Mapping[str, float]
) -> tuple[Array, int, str | None]:
    """Returns which examples differ, the place of one that does, and its difference in words."""
    rows = len(next(iter(expected.values())))
    if outputs is None:
        return np.ones(rows, bool), 0, "the answer has no outputs"
    if "" in outputs and len(expected) == 1:
        outputs = {next(iter(expected)): outputs[""]}
    wrong = np.zeros(rows, bool)
    at, what = 0, None
    for name, values in expected.items():
        served = _array(outputs.get(name), values)
        if served is None:
            return np.ones(rows, bool), 0, f"the answer has not the values of '{name}': {outputs.get(name)!s:.100}"
        differs = _unequal(served, values, scales[name]).reshape(rows, -1).any(axis=1)
        if what is None and differs.any():
            at = int(np.argmax(differs))
            what = f"'{name}' is {_shown(served[at])} from the server and {_shown(values[at])} from the model itself"
        wrong |= differs
    return wrong, at, what


def _array(value: Any, like: Array) -> Array | None:
    """Returns values as an array of the type and shape of `like`, or None where it is another one."""
    try:
        if like.dtype.kind in "OS":
            texts = np.asarray(_bytes(value), dtype=object)
            return texts if texts.shape == like.shape else None
        array = np.asarray(value, dtype=np.float64 if like.dtype.kind == "f" else like.dtype)
    except (ValueError, TypeError, OverflowError):
        return None
    return array if array.shape == like.shape else None


def _bytes(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, list):
        return [_bytes(item) for item in value]
    return base64.b64decode(value["b64"]) if isinstance(value, Mapping) else str(value).encode()


def _unequal(served: Array, values: Array, scale: float) -> Array:
    if values.dtype.kind != "f":
        return np.asarray(served != values)
    exact = values.astype(np.float64)
    near = np.isclose(served, exact, rtol=TOLERANCE, atol=TOLERANCE * scale, equal_nan=True)
    return np.asarray(~near)


def _shown(values: Array) -> str:
    plain = values.tolist() if isinstance(values, np.ndarray) else values
    if isinstance(plain, list) and len(plain) == 1:
        plain = plain[0]
    return str(plain)[:80]
