"""Predict requests that came together are answered together: their rows are one batch of the model.

Each body is read by itself, and its rows are objects of its own, so that nothing that one client sends can be taken for a
part of what another one sends. What a client gets, and what is counted and logged of it, is the same as when it is answered
alone. A group that cannot be answered is answered in halves, down to the request that it is about, which is answered alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, chain, pairwise
from typing import Any, NamedTuple

import numpy as np
import orjson

from stellwerk.serving.batching_options import BatchingOptions
from stellwerk.serving.errors import Code, ServingError
from stellwerk.serving.loading import Signature
from stellwerk.serving.rest.api import RestApi, Route, refusal, route_of, signature_of
from stellwerk.serving.rest.messages import Request, Response
from stellwerk.serving.rest.predict import answer_of, arrays_of
from stellwerk.serving.tensors import Array
from stellwerk.serving.values import to_array

_MOST_REQUESTS = 256
_MOST_BYTES = 16 * 1024
"""Larger bodies are read apart, so that no group takes long to read."""

_ROWS, _COLUMNS = "instances", "inputs"


class Unlike(Exception):
    """Requests cannot be answered together."""


class _Form(NamedTuple):
    """What requests of one group have in common: the signature, and whether they have rows or columns."""

    signature: str
    key: str


class _Asked(NamedTuple):
    """A request, what it holds, and its number among those that came together."""

    number: int
    request: Request
    values: Any
    rows: int


class PredictGroups:
    """Answers requests for predictions of a model that batches; see `lanes.Together`."""

    def __init__(self, api: RestApi, options: BatchingOptions) -> None:
        self._api = api
        self.most = min(_MOST_REQUESTS, options.largest_batch)
        self.running = options.groups
        self.waiting = options.max_enqueued_batches * self.most

    def kind(self, request: Request) -> Route | None:
        """Says for which version of which model a prediction is asked."""
        if request.method != "POST" or len(request.body) > _MOST_BYTES or request.coding != "identity":
            return None
        try:
            route = route_of(request.method, request.path)
        except ServingError:
            return None
        return route if route.method == "predict" else None

    def refuse(self, request: Request) -> Response:
        """Refuses a request because too many wait."""
        most = self.waiting // self.most
        text = (
            "The batch scheduling queue to which this task was submitted is full; "
            f"currently {most} batches enqueued and max_enqueued_batches is {most}"
        )
        error = ServingError(Code.RESOURCE_EXHAUSTED, text)
        return self._refused(route_of(request.method, request.path), [request], error)

    def answer(self, requests: Sequence[Request]) -> Sequence[Response]:
        """Answers requests for one version of one model."""
        route = route_of(requests[0].method, requests[0].path)
        answers: dict[int, Response] = {}
        groups: dict[_Form, list[_Asked]] = {}
        for number, request in enumerate(requests):
            try:
                self._api.admit(request, route)
            except ServingError as refused:
                answers[number] = self._refused(route, [request], refused)
                continue
            form, asked = _read(number, request)
            if form is None:
                answers[number] = self._api.answer(request, admitted=True)
            else:
                groups.setdefault(form, []).append(asked)
        for form, group in groups.items():
            self._answer_group(route, form, group, answers)
        return [answers[number] for number in range(len(requests))]

    def _answer_group(self, route: Route, form: _Form, group: list[_Asked], answers: dict[int, Response]) -> None:
        if len(group) == 1:
            answers[group[0].number] = self._api.answer(group[0].request, admitted=True)
            return
        requests = [asked.request for asked in group]
        try:
            version, bodies = self._bodies(route, form, group)
        except Exception as error:
            if isinstance(error, ServingError) and error.code is Code.RESOURCE_EXHAUSTED:
                refused = self._refused(route, requests, error)
                answers.update((asked.number, refused) for asked in group)
                return
            half = len(group) // 2
            self._answer_group(route, form, group[:half], answers)
            self._answer_group(route, form, group[half:], answers)
            return
        self._api.count(route, version, Code.OK, requests)
        answers.update((asked.number, Response(200, body)) for asked, body in zip(group, bodies, strict=True))

    def _bodies(self, route: Route, form: _Form, group: Sequence[_Asked]) -> tuple[int, list[bytes]]:
        with self._api.models.servable(route.name, route.version, route.label) as servable:
            signature = signature_of(servable, form.signature)
            if not servable.shares(signature.name):
                raise Unlike
            parts = [asked.rows for asked in group]
            inputs = _arrays(form, group, signature)
            rows = sum(parts)
            if any(len(array) != rows for array in inputs.values()):
                raise Unlike
            outputs = servable.predict_parts(inputs, parts, signature.name)
            if any(not array.ndim or len(array) != rows for array in outputs.values()):
                raise Unlike
            return servable.version, _written(outputs, parts, form.key)

    def _refused(self, route: Route, requests: Sequence[Request], error: ServingError) -> Response:
        self._api.count(route, None, error.code, requests)
        return refusal(error)


def _read(number: int, request: Request) -> tuple[_Form | None, _Asked]:
    """Reads a body; no form where it has not the usual one, and is answered alone."""
    form, values, rows = None, None, 0
    try:
        body = orjson.loads(request.body)
        signature = body.get("signature_name", "")
        if type(signature) is str and (_ROWS in body) != (_COLUMNS in body):
            key = _ROWS if _ROWS in body else _COLUMNS
            values = body[key]
            rows = len(values) if key == _ROWS else _rows_of(values)
            form = _Form(signature, key) if rows and (key == _COLUMNS or type(values) is list) else None
    except (ValueError, AttributeError, TypeError):
        form = None
    return form, _Asked(number, request, values, rows)


def _rows_of(columns: Any) -> int:
    """Returns how many rows named columns have; 0 where it is not plain."""
    if type(columns) is not dict or set(map(type, columns.values())) != {list}:
        return 0
    lengths = set(map(len, columns.values()))
    return lengths.pop() if len(lengths) == 1 else 0


def _arrays(form: _Form, group: Sequence[_Asked], signature: Signature) -> dict[str, Array]:
    if form.key == _ROWS:
        return arrays_of(list(chain.from_iterable(asked.values for asked in group)), signature)
    if any(asked.values.keys() != signature.inputs.keys() for asked in group):
        raise Unlike
    return {
        name: to_array(list(chain.from_iterable(asked.values[name] for asked in group)), tensor)
        for name, tensor in signature.inputs.items()
    }


def _written(outputs: dict[str, Array], parts: Sequence[int], key: str) -> list[bytes]:
    """Returns the body for each request."""
    ends = [0, *accumulate(parts)]
    if len(outputs) == 1:
        (array,) = outputs.values()
        if array.dtype.kind in "fiu" and array.ndim <= 2 and array.size and np.isfinite(array).all():
            return _written_at_once(array, ends, b"predictions" if key == _ROWS else b"outputs")
    return [
        answer_of({name: array[start:end] for name, array in outputs.items()}, rows=key == _ROWS)
        for start, end in pairwise(ends)
    ]


def _written_at_once(array: Array, ends: Sequence[int], name: bytes) -> list[bytes]:
    """Writes numbers once and cuts the text between the rows, where nothing but a comma or brackets can be."""
    text = orjson.dumps(np.ascontiguousarray(array), option=orjson.OPT_SERIALIZE_NUMPY)
    before, between, after = (b"[[", b"],[", b"]]") if array.ndim == 2 else (b"[", b",", b"]")
    rows = text[len(before) : -len(after)].split(between)
    head, tail = b'{"' + name + b'":' + before, after + b"}\n"
    if len(rows) == len(ends) - 1:
        return [head + row + tail for row in rows]
    return [head + between.join(rows[start:end]) + tail for start, end in pairwise(ends)]
