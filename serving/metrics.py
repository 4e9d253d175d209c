"""What a server counts, for Prometheus. Names of models come from its configuration alone, never from requests."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from stellwerk.serving.errors import Code

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384)


class Metrics:
    """The counters of one server; safe to use from several threads."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        labels = ["entrypoint", "method", "model", "version"]
        self._requests = Counter(
            "stellwerk_serving_requests", "Requests answered.", [*labels, "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "stellwerk_serving_request_seconds",
            "Time from the whole request to its answer.",
            labels,
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._rows = Histogram(
            "stellwerk_serving_request_rows", "Rows in a request.", ["model"], buckets=_ROWS, registry=self._registry
        )
        self._batch_rows = Histogram(
            "stellwerk_serving_batch_rows",
            "Rows that the model was asked at once.",
            buckets=_ROWS,
            registry=self._registry,
        )
        self._loaded = Gauge(
            "stellwerk_serving_model_available",
            "1 for each version that answers.",
            ["model", "version"],
            registry=self._registry,
        )
        self._log_rows = Counter(
            "stellwerk_serving_prediction_log_requests",
            "Requests sampled for the prediction log, by what became of them.",
            ["result"],
            registry=self._registry,
        )
        self._children: dict[tuple[object, ...], tuple[Counter, Histogram]] = {}
        self._row_children: dict[str, Histogram] = {}
        self._available: Callable[[], list[tuple[str, int]]] | None = None

    def count(
        self, entrypoint: str, method: str, model: str, version: int | None, *, code: Code, seconds: float
    ) -> None:
        """Counts one answered request."""
        key = (entrypoint, method, model, version, code)
        found = self._children.get(key)
        if found is None:
            labels = (entrypoint, method, model, "" if version is None else str(version))
            found = self._children[key] = (self._requests.labels(*labels, code.name), self._seconds.labels(*labels))
        found[0].inc()
        found[1].observe(seconds)

    def rows(self, model: str, rows: int) -> None:
        """Counts the rows of a request."""
        found = self._row_children.get(model)
        if found is None:
            found = self._row_children[model] = self._rows.labels(model)
        found.observe(rows)

    def batch(self, rows: int) -> None:
        """Counts the rows that a model was asked at once."""
        self._batch_rows.observe(rows)

    def logged(self, result: str, requests: int = 1) -> None:
        """Counts requests of the prediction log: `written`, `dropped` or `failed`."""
        self._log_rows.labels(result).inc(requests)

    def watch(self, available: Callable[[], list[tuple[str, int]]]) -> None:
        """Says how to find the models and versions that answer now."""
        self._available = available

    def page(self) -> bytes:
        """Returns all metrics in Prometheus' text format."""
        if self._available is not None:
            self._loaded.clear()
            for model, version in self._available():
                self._loaded.labels(model, str(version)).set(1)
        page: bytes = generate_latest(self._registry)
        return page
