"""Dynamic batching as TensorFlow Serving's: requests that arrive together are asked of the model as one.

One call of a model costs nearly the same for one row as for a hundred, so a server under load answers many times more
requests when those that wait are put together. There is no thread here: of the requests in a batch, the thread of the first
one runs it, and the others wait for it. A single client therefore waits for nothing but the model.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from stellwerk.errors import ModelError
from stellwerk.serving.batching_options import BatchingOptions
from stellwerk.serving.errors import Code, ServingError
from stellwerk.serving.loading import SIGNATURE, LoadedModel, Signature
from stellwerk.serving.tensors import Array

Key = tuple[object, ...]
"""What can be put together: requests to one signature whose arrays differ in the number of rows only."""


@dataclass
class _Request:
    """What one caller asked, and its answer once its batch has run."""

    arrays: list[Array]
    rows: int
    outputs: dict[str, Array] | None = None
    error: Exception | None = None


class _Batch:
    """Requests that will be asked as one; `ripe_at` is when it stops waiting for more of them."""

    def __init__(self, key: Key, ripe_at: float, lock: threading.Lock) -> None:
        self.key = key
        self.ripe_at = ripe_at
        self.requests: list[_Request] = []
        self.rows = 0
        self.full = False
        self.turn = threading.Condition(lock)
        self.done = threading.Event()

    def ripe(self, now: float) -> bool:
        return self.full or now >= self.ripe_at


class BatchedModel:
    """A model whose callers share its calls. It has the interface of a `LoadedModel` and closes the one that it holds.

    `predict` is meant to be called from many threads: a batch holds at most as many requests as there are callers. A request
    that the model cannot answer fails alone; the others of its batch are answered.
    """

    def __init__(self, model: LoadedModel, options: BatchingOptions | None = None) -> None:
        self.options = options or BatchingOptions()
        self._model = model
        self._lock = threading.Lock()
        self._waiting: dict[_Batch, None] = {}
        self._open: dict[Key, _Batch] = {}
        self._running = 0
        self._under_way = 0
        self._drained = threading.Condition(self._lock)
        self._closed = False
        self._alone = {name for name, signature in model.signatures.items() if not _has_rows(signature)}

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """The ways to ask the model, by name."""
        return self._model.signatures

    @property
    def under_way(self) -> int:
        """How many requests wait or are being answered now."""
        return self._under_way

    def shares(self, signature: str) -> bool:
        """Says whether requests to a signature may be put together, as far as is known."""
        return signature not in self._alone

    def predict(self, inputs: Mapping[str, Array], signature: str = SIGNATURE) -> dict[str, Array]:
        """Asks the model, together with whoever else asks now: arrays by input name in, arrays by output name out.

        Raises InputError when the arrays do not fit the signature, ModelError when the model fails, ServingError with
        RESOURCE_EXHAUSTED when too much is waiting, with INVALID_ARGUMENT when the request is larger than a batch may be.
        """
        arrays = self._model.fit(inputs, signature)
        with self._lock:
            if self._closed:
                raise ModelError(f"{self._model.path}: the model does not answer: it was closed.")
            self._under_way += 1
        try:
            return self._ask(arrays, signature)
        finally:
            with self._lock:
                self._under_way -= 1
                if self._closed:
                    self._drained.notify_all()

    def close(self) -> None:
        """Answers what was asked, without waiting for more, and frees the model."""
        with self._lock:
            self._closed = True
            for batch in self._waiting:
                batch.full = True
            self._wake()
            self._drained.wait_for(lambda: not self._under_way)
        self._model.close()

    def _ask(self, arrays: list[Array], signature: str) -> dict[str, Array]:
        rows = len(arrays[0]) if signature not in self._alone and all(array.ndim for array in arrays) else 0
        if not rows:
            return self._model.run(arrays, signature)
        if rows > self.options.largest_request:
            raise ServingError(
                Code.INVALID_ARGUMENT,
                f"Task size {rows} is larger than maximum input batch size {self.options.max_batch_size}",
            )
        step = self.options.largest_batch
        if rows <= step:
            return self._ask_part(_Request(arrays, rows), signature)
        parts = [[array[start : start + step] for array in arrays] for start in range(0, rows, step)]
        answers = [self._ask_part(_Request(part, len(part[0])), signature) for part in parts]
        return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}

    def _ask_part(self, request: _Request, signature: str) -> dict[str, Array]:
        key = (signature, *((array.shape[1:], array.dtype) for array in request.arrays))
        batch, leads = self._join(key, request)
        if leads:
            self._wait_for_turn(batch)
            try:
                self._answer(batch.requests, signature)
            finally:
                with self._lock:
                    self._running -= 1
                    self._wake()
                batch.done.set()
        else:
            batch.done.wait()
        if request.outputs is None:
            raise request.error or ModelError(f"{self._model.path}: the batch of this request was interrupted.")
        return request.outputs

    def _join(self, key: Key, request: _Request) -> tuple[_Batch, bool]:
        """Puts a request into the open batch of its kind, or into a new one that its caller leads."""
        with self._lock:
            batch = self._open.get(key)
            if batch is not None and batch.rows + request.rows <= self.options.largest_batch:
                self._add(request, batch)
                return batch, False
            self._refuse_when_full(key)
            if batch is not None:
                batch.full = True
                self._wake()
            batch = _Batch(key, time.monotonic() + self.options.batch_timeout_seconds, self._lock)
            self._open[key] = batch
            self._waiting[batch] = None
            self._add(request, batch)
            return batch, True

    def _add(self, request: _Request, batch: _Batch) -> None:
        batch.requests.append(request)
        batch.rows += request.rows
        if batch.rows >= self.options.largest_batch or self._closed:
            batch.full = True
            self._wake()

    def _refuse_when_full(self, key: Key) -> None:
        waiting, most = sum(batch.key == key for batch in self._waiting), self.options.max_enqueued_batches
        if waiting >= most:
            raise ServingError(
                Code.RESOURCE_EXHAUSTED,
                "The batch scheduling queue to which this task was submitted is full; "
                f"currently {waiting} batches enqueued and max_enqueued_batches is {most}",
            )

    def _wait_for_turn(self, batch: _Batch) -> None:
        """Waits until the batch is ripe and may run; ripe ones run in the order they came. Closes it for further requests."""
        with self._lock:
            while self._running >= self.options.threads or self._next() is not batch:
                left = batch.ripe_at - time.monotonic()
                batch.turn.wait(left if left > 0 and not batch.full else None)
            self._running += 1
            del self._waiting[batch]
            if self._open.get(batch.key) is batch:
                del self._open[batch.key]
            self._wake()

    def _next(self) -> _Batch | None:
        now = time.monotonic()
        return next((batch for batch in self._waiting if batch.ripe(now)), None)

    def _wake(self) -> None:
        """Tells the next batch that it may run, where one more may."""
        if self._running < self.options.threads and (batch := self._next()):
            batch.turn.notify()

    def _answer(self, requests: Sequence[_Request], signature: str) -> None:
        """Asks the model for all requests at once; where that fails, for each half, so that only the culprit fails."""
        try:
            self._answer_together(requests, signature)
        except Exception as error:
            if len(requests) == 1:
                requests[0].error = error
                return
            half = len(requests) // 2
            self._answer(requests[:half], signature)
            self._answer(requests[half:], signature)

    def _answer_together(self, requests: Sequence[_Request], signature: str) -> None:
        rows = sum(request.rows for request in requests)
        padding = self.options.padded(rows) - rows
        if len(requests) == 1 and not padding:
            requests[0].outputs = self._model.run(requests[0].arrays, signature)
            return
        if signature in self._alone:
            for request in requests:
                request.outputs = self._model.run(request.arrays, signature)
            return
        columns = zip(*(request.arrays for request in requests), strict=True)
        outputs = self._model.run([_together(column, padding) for column in columns], signature)
        if any(array.ndim == 0 or len(array) != rows + padding for array in outputs.values()):
            self._alone.add(signature)
            self._answer_together(requests, signature)
            return
        ends = accumulate(request.rows for request in requests)
        for request, end in zip(requests, ends, strict=True):
            request.outputs = {name: array[end - request.rows : end] for name, array in outputs.items()}


def _has_rows(signature: Signature) -> bool:
    """Says whether all inputs and outputs may have one row for each row asked; others are never put together."""
    tensors = [*signature.inputs.values(), *signature.outputs.values()]
    return bool(signature.inputs) and all(t.shape is None or (t.shape and t.shape[0] is None) for t in tensors)


def _together(parts: Sequence[Array], padding: int) -> Array:
    """Puts arrays below each other; the first row of the last one, which is a valid row, pads them."""
    if padding:
        parts = [*parts, np.repeat(parts[-1][:1], padding, axis=0)]
    return np.concatenate(parts) if len(parts) > 1 else parts[0]
