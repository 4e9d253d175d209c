"""Models whose answers are counted and logged, whichever way they were asked."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence

from stellwerk.serving.loading import SIGNATURE
from stellwerk.serving.metrics import Metrics
from stellwerk.serving.models import ModelManager, Servable, State
from stellwerk.serving.prediction_log import PredictionLog
from stellwerk.serving.prediction_rows import Entry
from stellwerk.serving.tensors import Array


class ObservedServable(Servable):
    """A version whose answers go to the metrics and the prediction log."""

    def __init__(self, servable: Servable, metrics: Metrics, log: PredictionLog | None) -> None:
        self.__dict__.update(vars(servable))
        self._metrics = metrics
        self._log = log

    def predict(self, inputs: Mapping[str, Array], signature: str = SIGNATURE) -> dict[str, Array]:
        """Asks the model as `Servable.predict` does."""
        outputs = super().predict(inputs, signature)
        rows = max((len(array) for array in inputs.values() if array.ndim), default=1)
        self._metrics.rows(self.name, rows)
        if self._log is not None and self._log.chosen():
            self._log.add(Entry(self.name, self.version, signature or SIGNATURE, inputs, outputs))
        return outputs

    def predict_parts(
        self, inputs: Mapping[str, Array], parts: Sequence[int], signature: str = SIGNATURE
    ) -> dict[str, Array]:
        """Asks the model as `Servable.predict_parts` does; each request is counted and logged as if it had come alone."""
        outputs = super().predict_parts(inputs, parts, signature)
        end = 0
        for rows in parts:
            start, end = end, end + rows
            self._metrics.rows(self.name, rows)
            if self._log is not None and self._log.chosen():
                asked, answered = (
                    {name: array[start:end] if len(parts) > 1 else array for name, array in arrays.items()}
                    for arrays in (inputs, outputs)
                )
                self._log.add(Entry(self.name, self.version, signature or SIGNATURE, asked, answered))
        return outputs


class ObservedModels(ModelManager):
    """A manager whose models are observed once `observe` was called."""

    _metrics: Metrics | None = None
    _log: PredictionLog | None = None

    def observe(self, metrics: Metrics, log: PredictionLog | None) -> None:
        """Says where answers are counted and logged."""
        self._metrics = metrics
        self._log = log
        metrics.watch(self._available)

    @contextlib.contextmanager
    def servable(self, name: str, version: int | None = None, label: str | None = None) -> Iterator[Servable]:
        """Lends a version as `ModelManager.servable` does."""
        with super().servable(name, version, label) as servable:
            yield servable if self._metrics is None else ObservedServable(servable, self._metrics, self._log)

    def _available(self) -> list[tuple[str, int]]:
        found = []
        for name in self.names:
            with contextlib.suppress(Exception):
                found += [(name, one.version) for one in self.status(name) if one.state is State.AVAILABLE]
        return found
