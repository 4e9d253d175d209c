"""What a server answers: the methods of its services, with the interceptors that stand before them."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from stellwerk.serving.errors import ServingError
from stellwerk.serving.grpc.calls import Aborted, Call, Context, Details
from stellwerk.serving.grpc.services import STATUS
from stellwerk.serving.guard import Guard

_LOG = logging.getLogger(__name__)

Interceptor = Any
"""A `grpc.ServerInterceptor` or a `grpc.aio.ServerInterceptor`; grpcio has no types."""


class Methods:
    """Finds the handler of a call. Services are added as to a server of grpcio; handlers and interceptors may be coroutines."""

    def __init__(self, handlers: Iterable[grpc.GenericRpcHandler], interceptors: Sequence[Interceptor]) -> None:
        """The first interceptor sees a call first."""
        self._handlers = list(handlers)
        self._known: dict[str, Any] = {}
        self._guards = [one for one in interceptors if isinstance(one, Guard)]
        self._guarded: Callable[[Any], Any] = self.find
        for interceptor in reversed(interceptors):
            ask = _ask_waiting if isinstance(interceptor, grpc.aio.ServerInterceptor) else _ask
            self._guarded = functools.partial(ask, interceptor, self._guarded)

    def add_generic_rpc_handlers(self, handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """Adds the methods of a service."""
        self._handlers += handlers

    def add_registered_method_handlers(self, service: str, handlers: Any) -> None:
        """Does nothing: what newer generated code registers here, it adds as handlers as well."""

    def find(self, details: Any) -> Any:
        """Returns the handler of a method, or None."""
        found = self._known.get(details.method)
        if found is None:
            every = (handler.service(details) for handler in self._handlers)
            found = next((one for one in every if one is not None), None)
            if found is not None:
                self._known[details.method] = found
        return found

    def turned_away(self, details: Details) -> tuple[grpc.StatusCode, str] | None:
        """Says why a call is refused by its head alone, before any of its message is read; None where it may go on."""
        for guard in self._guards:
            try:
                guard.check_head(details.method, details.invocation_metadata)
            except ServingError as refused:
                return STATUS[int(refused.code)], refused.message
        return None

    def guarded(self, details: Details) -> Any:
        """Returns the handler that the interceptors leave of it, or None."""
        return self._guarded(details)

    def answer(self, call: Call) -> None:
        """Answers a call that has one request and one response."""
        try:
            handler = self._guarded(call.details)
            if handler is None:
                raise Aborted(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
            written = handler.response_serializer
            request = message_of(handler, call.message)
            answer = handler.unary_unary(request, Context(call.details))
            if inspect.iscoroutine(answer):
                answer = asyncio.run(answer)
            call.answer(written(answer) if written else answer)
        except Aborted as aborted:
            call.refuse(aborted.code, aborted.details)
        except Exception:
            _LOG.exception("a call of %s failed", call.details.method)
            call.refuse(grpc.StatusCode.UNKNOWN, "the server could not answer this request; its log says why.")


def message_of(handler: Any, data: bytes) -> Any:
    """Returns what the bytes of a message say; raises Aborted with INVALID_ARGUMENT where they are none."""
    try:
        return handler.request_deserializer(data) if handler.request_deserializer else data
    except DecodeError as error:
        raise Aborted(grpc.StatusCode.INVALID_ARGUMENT, "The bytes are not a message of this method.") from error


def _ask(interceptor: Any, following: Callable[[Any], Any], details: Any) -> Any:
    return interceptor.intercept_service(following, details)


def _ask_waiting(interceptor: Any, following: Callable[[Any], Any], details: Any) -> Any:
    async def at_once(details: Any) -> Any:
        return following(details)

    return asyncio.run(interceptor.intercept_service(at_once, details))
