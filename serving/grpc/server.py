"""A gRPC server around the models: received by grpcio's public server or by its core, answered by a bounded number of threads."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from stellwerk.errors import UsageError
from stellwerk.serving.config import places as places_of
from stellwerk.serving.grpc.calls import Limits, Receiver
from stellwerk.serving.grpc.grouping import PREDICT, PredictCalls
from stellwerk.serving.grpc.health import Health, LoopHealth
from stellwerk.serving.grpc.loop import Loop
from stellwerk.serving.grpc.management import ModelService
from stellwerk.serving.grpc.methods import Interceptor, Methods
from stellwerk.serving.grpc.prediction import PredictionService
from stellwerk.serving.grpc.services import SERVICES, describe, handlers
from stellwerk.serving.guard import Guard
from stellwerk.serving.models import ModelManager

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""Larger requests are refused with RESOURCE_EXHAUSTED: they would be held in memory whole."""

MAX_WORKERS = 64
"""How many requests are answered at once; with batching, also how many can wait for a batch."""

MAX_UNDER_WAY = 1024
"""More calls than this at once are refused with RESOURCE_EXHAUSTED instead of being kept waiting."""

MAX_ARRIVING = 512
"""Calls whose messages have not come: beyond it the one that has waited longest is ended with RESOURCE_EXHAUSTED."""

MAX_CONNECTIONS = 4096
"""More connections are refused; an idle one costs a descriptor and some memory."""

KEEPS_ABANDONED_CALLS = tuple(map(int, grpc.__version__.split(".")[:2])) < (1, 80)
"""Whether the public server of this grpcio loses 14 KB with each call whose caller hangs up: measured with 1.65, not with 1.85."""

MAX_STREAMS = 256
"""Calls of one connection at once; more of them wait at the client, so that one connection cannot take the server."""

TIMEOUT_SECONDS = 60.0
"""Calls that take longer are ended: a sender that never finishes must not stay for ever."""


class GrpcServer:
    """Answers at `port` from `start` to `stop`. Use as a context manager, or call them."""

    def __init__(self, port: int, receiver: Receiver, health: Health) -> None:
        self.port = port
        self._receiver = receiver
        self._health = health
        self._started = False
        self._stopped = threading.Event()

    def __enter__(self) -> GrpcServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begins to answer; returns at once."""
        self._started = True
        self._receiver.start()

    def stop(self, grace: float = 10.0) -> None:
        """Takes no more calls and gives those under way `grace` seconds. Returns when all have ended."""
        if self._stopped.is_set() or not self._started:
            return
        self._stopped.set()
        self._health.end()
        self._receiver.stop(grace)

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until `stop` was called; returns whether it was."""
        return self._stopped.wait(timeout)


def grpc_server(
    manager: ModelManager,
    *,
    host: str = "127.0.0.1",
    port: int = 8500,
    credentials: grpc.ServerCredentials | None = None,
    interceptors: Sequence[Interceptor] = (),
    max_message_bytes: int = MAX_MESSAGE_BYTES,
    max_workers: int = MAX_WORKERS,
    max_under_way: int = MAX_UNDER_WAY,
    timeout_seconds: float = TIMEOUT_SECONDS,
    places: Iterable[Path] | None = None,
    together: int = 1,
    groups: int = MAX_WORKERS,
    max_connections: int = MAX_CONNECTIONS,
    max_arriving: int = MAX_ARRIVING,
    core: bool = False,
) -> GrpcServer:
    """Binds a server to `host` and `port` (0 takes a free one; `port` of what is returned says which).

    Interceptors may be plain or asynchronous; the first one sees a call first. A call that takes longer than `timeout_seconds`,
    the sending of its request included, gets DEADLINE_EXCEEDED.
    Requests of one row that came together are answered together, at most `together` of them, in at most `groups` threads: for
    models that batch. `core` receives calls through names of grpcio that are not public, which takes less CPU; see
    `core/README.md`.
    `places` are the folders that HandleReloadConfigRequest may serve models from; by default those that hold the models
    which the manager has now. Raises UsageError when the address cannot be taken, and for a `core` that this
    grpcio does not have.
    """
    allowed = tuple(place.resolve() for place in places) if places is not None else places_of(manager.configs.values())
    health = Health(manager, SERVICES) if core else LoopHealth(manager, SERVICES)
    service = PredictionService(manager)
    methods = Methods(
        [handlers("PredictionService", service), handlers("ModelService", ModelService(manager, allowed))], interceptors
    )
    health_pb2_grpc.add_HealthServicer_to_server(health, methods)
    _describe(methods, core)
    limits = Limits(together, groups, max_workers, max_under_way, max_arriving, timeout_seconds)
    made = _core if core else Loop
    receiver: Receiver = made(_options(max_message_bytes, max_connections), methods, limits)
    guards = [one for one in interceptors if isinstance(one, Guard)]
    if len(guards) == len(interceptors):
        receiver.work[PREDICT] = PredictCalls(manager, service, guards, methods.answer, receiver).answer
    bound = receiver.bind(f"[{host}]:{port}" if ":" in host else f"{host}:{port}", credentials)
    return GrpcServer(bound, receiver, health)


def _core(options: list[tuple[str, int]], methods: Methods, limits: Limits) -> Receiver:
    try:
        from stellwerk.serving.grpc.core.receiver import CoreReceiver  # noqa: PLC0415 - grpcio may lack what it uses
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"grpcio {grpc.__version__} has not what its core is received by ({error}). Leave --grpc-core out."
        ) from error
    return CoreReceiver(options, methods, limits)


def _describe(methods: Methods, core: bool) -> None:
    """Answers reflection about all services."""
    describe()
    health_name = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
    kind = reflection.ReflectionServicer if core else reflection.aio.ReflectionServicer
    servicer = kind((*SERVICES, health_name, reflection.SERVICE_NAME))
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(servicer, methods)


def _options(max_message_bytes: int, max_connections: int) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.so_reuseport", 0),  # a second server on the port is an error, not a lottery
        ("grpc.max_concurrent_streams", MAX_STREAMS),
        ("grpc.max_allowed_incoming_connections", max_connections),
        ("grpc.max_connection_idle_ms", 75_000),
        ("grpc.server_handshake_timeout_ms", 10_000),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
    ]
