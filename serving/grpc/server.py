"""A gRPC server around the models: an event loop in a thread of its own receives, a bounded pool of threads answers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from stellwerk.errors import UsageError
from stellwerk.serving.config import places as places_of
from stellwerk.serving.grpc.calls import Calls, Plain
from stellwerk.serving.grpc.health import Health
from stellwerk.serving.grpc.management import ModelService
from stellwerk.serving.grpc.prediction import PredictionService
from stellwerk.serving.grpc.services import SERVICES, describe, handlers
from stellwerk.serving.models import ModelManager

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""Larger requests are refused with RESOURCE_EXHAUSTED: they would be held in memory whole."""

MAX_WORKERS = 64
"""How many requests are answered at once; with batching, also how many can wait for a batch."""

MAX_UNDER_WAY = 1024
"""More calls than this at once are refused with RESOURCE_EXHAUSTED instead of being kept waiting."""

MAX_STREAMS = 256
"""Calls of one connection at once; more of them wait at the client, so that one connection cannot take the server."""

TIMEOUT_SECONDS = 60.0
"""Calls that take longer are ended: a sender that never finishes must not stay for ever."""


class GrpcServer:
    """Answers at `port` from `start` to `stop`. Use as a context manager, or call them."""

    def __init__(
        self, port: int, loop: asyncio.AbstractEventLoop, server: Any, health: Health, pool: ThreadPoolExecutor
    ):
        self.port = port
        self._loop = loop
        self._server = server
        self._health = health
        self._pool = pool
        self._thread = threading.Thread(target=_run, args=(loop,), name="grpc", daemon=True)
        self._stopped = threading.Event()

    def __enter__(self) -> GrpcServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begins to answer; returns at once."""
        self._thread.start()
        self._do(self._server.start())

    def stop(self, grace: float = 10.0) -> None:
        """Takes no more calls and gives those under way `grace` seconds. Returns when all have ended."""
        if self._stopped.is_set() or not self._thread.is_alive():
            return
        self._stopped.set()
        self._health.end()
        self._do(self._server.stop(grace))
        self._server = None  # freed while the interpreter still stands
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until `stop` was called; returns whether it was."""
        return self._stopped.wait(timeout)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()


def grpc_server(
    manager: ModelManager,
    *,
    host: str = "127.0.0.1",
    port: int = 8500,
    credentials: grpc.ServerCredentials | None = None,
    interceptors: Sequence[grpc.ServerInterceptor | grpc.aio.ServerInterceptor] = (),
    max_message_bytes: int = MAX_MESSAGE_BYTES,
    max_workers: int = MAX_WORKERS,
    max_under_way: int = MAX_UNDER_WAY,
    timeout_seconds: float = TIMEOUT_SECONDS,
    places: Iterable[Path] | None = None,
) -> GrpcServer:
    """Binds a server to `host` and `port` (0 takes a free one; `port` of what is returned says which).

    Interceptors may be plain or asynchronous; the first one sees a call first. A call that takes longer than `timeout_seconds`,
    the sending of its request included, gets DEADLINE_EXCEEDED.
    `places` are the folders that HandleReloadConfigRequest may serve models from; by default those that hold the models
    which the manager has now. Raises UsageError when the address cannot be taken.
    """
    pool = ThreadPoolExecutor(max_workers, thread_name_prefix="grpc-answer")
    loop = asyncio.new_event_loop()
    allowed = tuple(place.resolve() for place in places) if places is not None else places_of(manager.configs.values())
    health = Health(manager, SERVICES)

    async def made() -> tuple[Any, int]:
        server = grpc.aio.server(
            interceptors=[Calls(pool, timeout_seconds), *map(_waiting, interceptors)],
            options=_options(max_message_bytes),
            maximum_concurrent_rpcs=max_under_way,
        )
        server.add_generic_rpc_handlers(
            (
                handlers("PredictionService", PredictionService(manager)),
                handlers("ModelService", ModelService(manager, allowed)),
            )
        )
        health_pb2_grpc.add_HealthServicer_to_server(health, server)
        describe()
        health_name = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
        reflection.enable_server_reflection((*SERVICES, health_name, reflection.SERVICE_NAME), server)
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return server, (
            server.add_insecure_port(address) if credentials is None else server.add_secure_port(address, credentials)
        )

    try:
        server, bound = loop.run_until_complete(made())
    except (RuntimeError, OverflowError) as error:
        loop.close()
        raise UsageError(f"cannot listen on {host}:{port}: {error}. Choose another host or port.") from error
    return GrpcServer(bound, loop, server, health, pool)


def _waiting(interceptor: grpc.ServerInterceptor | grpc.aio.ServerInterceptor) -> grpc.aio.ServerInterceptor:
    return interceptor if isinstance(interceptor, grpc.aio.ServerInterceptor) else Plain(interceptor)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


def _options(max_message_bytes: int) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.so_reuseport", 0),  # a second server on the port is an error, not a lottery
        ("grpc.max_concurrent_streams", MAX_STREAMS),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
    ]
