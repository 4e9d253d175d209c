"""How a call runs: it is received on the event loop, within a time, and answered in a thread of a bounded pool.

A call takes a thread only once its request is there whole, so senders that are slow or never finish hold none; and the loop
never waits for a model or for a large message to be parsed.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import grpc.aio


class Calls(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Runs every call that has one request and one response; stands before all other interceptors."""

    def __init__(self, pool: ThreadPoolExecutor, seconds: float) -> None:
        """A call that is not answered after `seconds`, counted from its first byte, gets DEADLINE_EXCEEDED."""
        self._pool = pool
        self._seconds = seconds

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        """Returns a handler that reads the request itself: one that is streamed may be waited for no longer than wanted."""
        handler = await continuation(details)
        if handler is None or handler.unary_unary is None:
            return handler
        return grpc.stream_unary_rpc_method_handler(functools.partial(self._call, handler, details))

    async def _call(self, handler: Any, details: Any, _: Any, context: Any) -> bytes:
        try:
            async with asyncio.timeout(self._seconds):
                message = await context.read()
                if message is grpc.aio.EOF:
                    raise Aborted(grpc.StatusCode.INVALID_ARGUMENT, "The call ended without a request.")
                if asyncio.iscoroutinefunction(handler.unary_unary):
                    return _written(handler, await handler.unary_unary(_read(handler, message), context))
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._pool, _answer, handler, message, Context(details))
        except TimeoutError:
            code, text = grpc.StatusCode.DEADLINE_EXCEEDED, f"The call was not done after {self._seconds:g} seconds."
        except Aborted as aborted:
            code, text = aborted.code, aborted.details
        context.set_code(
            code
        )  # not `abort`: in grpcio 1.65 it keeps the call, and so its stream, until the collector runs
        context.set_details(text)
        return b""


class Plain(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Lets a plain interceptor, one without `async`, stand before this server too."""

    def __init__(self, plain: grpc.ServerInterceptor) -> None:
        self._plain = plain

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        """Asks the plain interceptor, whose continuation answers at once."""
        handler = await continuation(details)
        return self._plain.intercept_service(lambda _: handler, details)


class Context:
    """What a plain handler is told about its call, and its way to end it."""

    def __init__(self, details: Any) -> None:
        self._metadata = tuple(details.invocation_metadata or ())
        self._code: grpc.StatusCode | None = None
        self._details: str | None = None

    def abort(self, code: grpc.StatusCode, details: str) -> None:
        """Ends the call with a status; does not return."""
        self._code, self._details = code, details
        raise Aborted(code, details)

    def code(self) -> grpc.StatusCode | None:
        """The status that the call was ended with."""
        return self._code

    def details(self) -> str | None:
        """The text that the call was ended with."""
        return self._details

    def invocation_metadata(self) -> Iterable[tuple[str, str | bytes]]:
        """What the caller sent beside the request."""
        return self._metadata


class Aborted(Exception):
    """A call that a handler has ended with a status."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self.code = code
        self.details = details


def _answer(handler: Any, message: bytes, context: Context) -> bytes:
    return _written(handler, handler.unary_unary(_read(handler, message), context))


def _read(handler: Any, message: bytes) -> Any:
    return handler.request_deserializer(message) if handler.request_deserializer else message


def _written(handler: Any, answer: Any) -> bytes:
    written: bytes = handler.response_serializer(answer) if handler.response_serializer else answer
    return written
