"""The standard health service: SERVING while every model that is configured has a version that answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from stellwerk.serving.grpc.calls import Aborted
from stellwerk.serving.models import ModelManager

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN

LOOK_SECONDS = 0.5
"""How often a watcher's service is looked at."""


class Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc]
    """Answers for the whole server (the empty name), for each of its services, and for each model by its name."""

    def __init__(self, models: ModelManager, services: tuple[str, ...]) -> None:
        self._models = models
        self._services = {"", *services}
        self._ending = False

    def end(self) -> None:
        """Says NOT_SERVING from now on, so that callers go elsewhere while the last answers are sent."""
        self._ending = True

    def Check(self, request: Any, _: Any) -> Any:  # noqa: N802 - the names are the service's
        """Answers once; NOT_FOUND for a service that is not here."""
        state = self.state(request.service)
        if state == UNKNOWN:
            raise Aborted(grpc.StatusCode.NOT_FOUND, f"there is no service or model '{request.service:.80}' here.")
        return health_pb2.HealthCheckResponse(status=state)

    def Watch(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802
        """Answers now and at every change."""
        sent = None
        while context.is_active():
            state = self.state(request.service)
            if state != sent:
                yield health_pb2.HealthCheckResponse(status=state)
                sent = state
            context.wait(LOOK_SECONDS)

    def state(self, service: str) -> int:
        """Returns the state of a service or model, SERVICE_UNKNOWN for what is not here."""
        names = self._models.names
        if service not in self._services and service not in names:
            return int(UNKNOWN)
        asked = names if service in self._services else [service]
        up = not self._ending and all(self._models.available(name) for name in asked)
        return int(SERVING if up else NOT_SERVING)


class LoopHealth(Health):
    """The same on an event loop: who watches holds no thread."""

    async def Watch(self, request: Any, _: Any) -> AsyncIterator[Any]:  # type: ignore[override]  # noqa: N802
        """Answers now and at every change."""
        sent = None
        while True:
            state = self.state(request.service)
            if state != sent:
                yield health_pb2.HealthCheckResponse(status=state)
                sent = state
            await asyncio.sleep(LOOK_SECONDS)
