"""The server: models, REST and gRPC in one process, watched and guarded. Loopback by default, and a clean end."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc

from stellwerk.errors import StellwerkError
from stellwerk.serving.batching import BatchedModel
from stellwerk.serving.batching_options import BatchingOptions
from stellwerk.serving.config import ModelConfig
from stellwerk.serving.descriptors import raise_limit, shares
from stellwerk.serving.grpc.server import KEEPS_ABANDONED_CALLS, MAX_WORKERS, GrpcServer, grpc_server
from stellwerk.serving.guard import Guard
from stellwerk.serving.loading import SIGNATURE, LoadedModel
from stellwerk.serving.metrics import Metrics
from stellwerk.serving.models import POLL_SECONDS, Model
from stellwerk.serving.observing import ObservedModels
from stellwerk.serving.prediction_log import LogOptions, PredictionLog
from stellwerk.serving.rate import Rate
from stellwerk.serving.rest.api import RestApi
from stellwerk.serving.rest.grouping import PredictGroups
from stellwerk.serving.rest.limits import Limits
from stellwerk.serving.rest.server import HttpServer
from stellwerk.serving.security import Tls, Tokens, check_exposure
from stellwerk.serving.tensors import Array
from stellwerk.serving.warmup import warm_up

TOGETHER = 256
"""Most gRPC requests that are read and answered at once."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServerOptions:
    """How a server answers. A port of None leaves that API out; 0 takes a free port."""

    host: str = "127.0.0.1"
    rest_port: int | None = 8501
    grpc_port: int | None = 8500
    limits: Limits = field(default_factory=Limits)
    requests_per_second: float | None = None
    """More requests are refused (429, RESOURCE_EXHAUSTED); None: no limit."""
    tls: Tls | None = None
    tokens: Tokens | None = None
    grpc_core: bool | None = None
    """Receives gRPC by names of grpcio that are not public; None: where grpcio's public server keeps what callers abandon."""
    insecure: bool = False
    """Lets others reach a server that neither TLS nor tokens protect."""
    batching: BatchingOptions | None = field(default_factory=BatchingOptions)
    """How requests are put together; None asks the model for each alone."""
    log: LogOptions | None = None
    poll_seconds: float = POLL_SECONDS
    """How often base paths and the file of models are looked at."""


class ModelServer:
    """Serves models over REST and gRPC from its making to `close`. Use as a context manager.

    Raises ServingError when a model has no version that loads, UsageError when an address is taken, or can be reached by others
    while nothing protects it.
    """

    def __init__(self, models: Iterable[ModelConfig], options: ServerOptions | None = None) -> None:
        self.options = options = options or ServerOptions()
        check_exposure(options.host, bool(options.tls or options.tokens or options.insecure))
        context = options.tls.context() if options.tls else None
        places, grpc_places = shares(options.limits.connections)
        self.metrics = Metrics()
        rate = Rate(options.requests_per_second) if options.requests_per_second else None
        with contextlib.ExitStack() as stack:
            log = stack.enter_context(PredictionLog(options.log, self.metrics.logged)) if options.log else None
            self.models = ObservedModels(models, options.poll_seconds, self._load)
            stack.enter_context(self.models)
            self.models.require_available()
            self.models.observe(self.metrics, log)
            self.api = RestApi(self.models, self.metrics, options.tokens, rate)
            self.grpc = (
                None
                if options.grpc_port is None
                else stack.enter_context(self._grpc(options.grpc_port, rate, grpc_places))
            )
            self.rest = None
            if options.rest_port is not None:
                together = PredictGroups(self.api, options.batching) if options.batching else None
                rest = HttpServer(
                    options.host,
                    options.rest_port,
                    self.api.answer,
                    replace(options.limits, connections=places),
                    tls=context,
                    together=together,
                    at_head=self.api.at_head,
                )
                self.rest = stack.enter_context(rest)
            self._stack = stack.pop_all()

    def __enter__(self) -> ModelServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Takes no more requests, answers those under way, writes the prediction log and frees the models."""
        self._stack.close()

    @property
    def address(self) -> str:
        """Where REST answers, as `http://host:port`; empty without REST."""
        if self.rest is None:
            return ""
        host, port = self.rest.address
        name = f"[{host}]" if ":" in host else host
        return f"{'https' if self.options.tls else 'http'}://{name}:{port}"

    @property
    def grpc_address(self) -> str:
        """Where gRPC answers, as `host:port`; empty without gRPC."""
        host = f"[{self.options.host}]" if ":" in self.options.host else self.options.host
        return f"{host}:{self.grpc.port}" if self.grpc else ""

    def url(self, name: str) -> str:
        """Returns the REST address of a model."""
        return f"{self.address}/v1/models/{name}"

    def _load(self, path: Path) -> Model:
        model = _MeasuredModel(path, parallel=False)
        try:
            model.prepare()
            warm_up(model, path)
        except BaseException:
            model.close()
            raise
        model.metrics = self.metrics
        return BatchedModel(model, self.options.batching) if self.options.batching else model

    def _grpc(self, port: int, rate: Rate | None, connections: int) -> GrpcServer:
        options = self.options
        credentials = None
        if options.tls is not None:
            key, certificate, ca = options.tls.pem()
            credentials = grpc.ssl_server_credentials([(key, certificate)], ca, ca is not None)
        guard = Guard(self.metrics, lambda: self.models.names, options.tokens, rate)
        return grpc_server(
            self.models,
            host=options.host,
            port=port,
            credentials=credentials,
            interceptors=[guard],
            max_message_bytes=options.limits.body_bytes,
            timeout_seconds=options.limits.body_s + options.limits.answer_s,
            together=min(TOGETHER, options.batching.largest_batch) if options.batching else 1,
            groups=options.batching.groups if options.batching else MAX_WORKERS,
            max_connections=connections,
            core=KEEPS_ABANDONED_CALLS if options.grpc_core is None else options.grpc_core,
        )


class _MeasuredModel(LoadedModel):
    """A model that counts the rows which it is asked at once, from when it has `metrics`."""

    metrics: Metrics | None = None

    def run(self, arrays: Sequence[Array], signature: str = SIGNATURE) -> dict[str, Array]:
        """Asks the model as `LoadedModel.run` does."""
        if self.metrics is not None and arrays and arrays[0].ndim:
            self.metrics.batch(len(arrays[0]))
        return super().run(arrays, signature)


def serve(
    models: Callable[[], Iterable[ModelConfig]],
    options: ServerOptions | None = None,
    watched: Path | None = None,
    ready: Callable[[ModelServer], None] | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT; requests under way are still answered.

    `models` is asked again on SIGHUP and when the file `watched` changes; what is wrong then is logged, and the models stay as
    they are. `ready` is called with the server once it answers.
    """
    raise_limit()
    stop, again = threading.Event(), threading.Event()
    with _signals(stop, again), ModelServer(models(), options) as server:
        if ready is not None:
            ready(server)
        seen = _modified(watched)
        while not stop.wait(0.2):
            now = _modified(watched)
            if again.is_set() or now != seen:
                again.clear()
                seen = now
                _reload(server, models)


def _reload(server: ModelServer, models: Callable[[], Iterable[ModelConfig]]) -> None:
    try:
        server.models.reload(models())
        _LOG.info("the models are read anew: %s", ", ".join(server.models.names))
    except StellwerkError as error:
        _LOG.error("the models stay as they are: %s", error)


def _modified(path: Path | None) -> tuple[int, int]:
    try:
        stat = path.stat() if path else None
    except OSError:
        stat = None
    return (stat.st_mtime_ns, stat.st_size) if stat else (0, 0)


@contextlib.contextmanager
def _signals(stop: threading.Event, again: threading.Event) -> Iterator[None]:
    """Makes SIGTERM and SIGINT end the server, SIGHUP read the models anew; outside the main thread, nothing does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on(event: threading.Event) -> Callable[[int, Any], None]:
        return lambda *_: event.set()

    wanted = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: again}
    before = {number: signal.signal(number, on(event)) for number, event in wanted.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
