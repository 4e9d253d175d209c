"""Receives calls by the public server of grpcio, on an event loop of its own, and has them answered by threads.

A call holds no thread before its message is there whole. What its head does not open is refused before any of the message is
read; of calls whose messages do not come, the one that has waited longest gives way. Calls of one method that came in one turn of
the loop are answered together.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import grpc
import grpc.aio
import uvloop

from stellwerk.errors import UsageError
from stellwerk.serving.grpc.calls import GAVE_WAY, MOST_STREAMS, TOO_MANY, Aborted, Call, Details, Limits
from stellwerk.serving.grpc.loop_calls import LoopCall, Status, refuse, streamed
from stellwerk.serving.grpc.methods import Methods

_LOG = logging.getLogger(__name__)

_WATCH_S = 0.1

_FAILED = (grpc.StatusCode.UNKNOWN, "the server could not answer this request; its log says why.")


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """Returns the event loop of all gRPC servers of this process, in a thread of its own: grpcio has one queue for all loops."""
    loop = uvloop.new_event_loop()
    threading.Thread(target=loop.run_forever, name="grpc", daemon=True).start()
    return loop


class Loop(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Answers calls from `start` to `stop`; see `calls.Receiver`."""

    def __init__(self, options: list[tuple[str, int]], methods: Methods, limits: Limits) -> None:
        self.work: dict[str, Callable[[list[Call]], None]] = {}
        self.sending: contextlib.AbstractContextManager[Any] | threading.Lock = contextlib.nullcontext()
        self._options, self._methods, self._limits = options, methods, limits
        self._unary: dict[str, Any] = {}
        self._arriving: dict[LoopCall, asyncio.Task[Any]] = {}
        self._working: dict[LoopCall, None] = {}
        self._ready: deque[Call] = deque()
        self._streams = self._running = 0
        self._soon = False
        self._told: deque[tuple[LoopCall, bytes | Status] | None] = deque()
        self._woken = False
        self._pool = ThreadPoolExecutor(limits.workers, thread_name_prefix="grpc-answer")
        self._loop = _loop()

    def bind(self, address: str, credentials: grpc.ServerCredentials | None) -> int:
        """Binds to an address and returns the port; raises UsageError where it cannot be taken."""
        try:
            port: int = self._wait_for(self._bind(address, credentials))
        except RuntimeError:
            port = 0
        if not port:
            raise UsageError(
                f"cannot listen on {address}: it is taken or none of this machine. Choose another host or port."
            )
        return port

    def start(self) -> None:
        """Begins to answer; returns at once."""
        self._wait_for(self._server.start())
        self._watching = asyncio.run_coroutine_threadsafe(self._watch(), self._loop)

    def stop(self, grace: float) -> None:
        """Takes no more calls and gives those under way `grace` seconds. Returns when all have ended."""
        self._wait_for(self._server.stop(grace))
        self._watching.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def elsewhere(self, work: Callable[[], None]) -> None:
        """Does some work in another thread."""
        self._pool.submit(work)

    def asked(self) -> None:
        """Does nothing: what comes while a group is answered is the next one."""

    def service(self, details: Any) -> Any:
        """Returns what receives a call; None for a method that is not here."""
        found = self._methods.find(details)
        if found is None:
            return None
        if found.unary_unary is None:
            return self._stream(found, Details(details.method, details.invocation_metadata))
        handler = self._unary.get(details.method)
        if handler is None:

            async def receive(_: Any, context: Any) -> bytes:
                return await self._receive(details.method, context)

            # one message is a stream of one: only the reading of a stream can be given up, or not begun
            handler = self._unary[details.method] = grpc.stream_unary_rpc_method_handler(receive)
        return handler

    def _wait_for(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _bind(self, address: str, credentials: grpc.ServerCredentials | None) -> int:
        self._server = grpc.aio.server(handlers=(self,), options=self._options)
        if credentials is None:
            return int(self._server.add_insecure_port(address))
        return int(self._server.add_secure_port(address, credentials))

    async def _receive(self, method: str, context: Any) -> bytes:
        details = Details(method, context.invocation_metadata())
        refused = self._methods.turned_away(details) or (TOO_MANY if len(self._working) >= self._limits.most else None)
        if refused is not None:
            return refuse(context, refused)
        call = LoopCall(details, self._tell)
        message = await self._message(call, context)
        if call.ended is not None:
            return refuse(context, call.ended)
        if message is grpc.aio.EOF:
            return refuse(context, (grpc.StatusCode.INVALID_ARGUMENT, "The call ended without a request."))
        call.message = message
        self._working[call] = None
        try:
            self._begin(call)
            outcome = await call.outcome
        finally:
            del self._working[call]
        return outcome if isinstance(outcome, bytes) else refuse(context, outcome)

    async def _message(self, call: LoopCall, context: Any) -> Any:
        """Returns the message of a call once it has come whole; without one, where `call.ended` says why."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - grpcio runs each call as a task
        self._arriving[call] = task
        if len(self._arriving) > self._limits.arriving:
            self._give_up(next(iter(self._arriving)), GAVE_WAY)
        try:
            return await context.read()
        except asyncio.CancelledError:
            if call.ended is None:
                raise
            task.uncancel()
            return None
        finally:
            self._arriving.pop(call, None)

    def _give_up(self, call: LoopCall, why: Status) -> None:
        call.ended = why
        self._arriving.pop(call).cancel()

    def _begin(self, call: LoopCall) -> None:
        if call.details.method not in self.work:
            self._pool.submit(self._methods.answer, call)
            return
        self._ready.append(call)
        if not self._soon:
            self._soon = True
            self._loop.call_soon(self._go)

    def _go(self) -> None:
        """Lets threads take what came together."""
        self._soon = False
        while self._ready and self._running < self._limits.groups:
            group = [self._ready.popleft() for _ in range(min(self._limits.together, len(self._ready)))]
            self._running += 1
            self._pool.submit(self._answer, group)

    def _answer(self, calls: list[Call]) -> None:
        try:
            self.work[calls[0].details.method](calls)
        except Exception:
            _LOG.exception("calls failed")
            for call in calls:
                call.refuse(*_FAILED)
        finally:
            self._post(None)

    def _tell(self, call: LoopCall, outcome: bytes | Status) -> None:
        self._post((call, outcome))

    def _post(self, told: tuple[LoopCall, bytes | Status] | None) -> None:
        """Takes an outcome, or the end of a group, from any thread, and wakes the loop where nobody has."""
        self._told.append(told)
        if not self._woken:
            self._woken = True
            with contextlib.suppress(RuntimeError):  # the process ends
                self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._woken = False
        while self._told:
            told = self._told.popleft()
            if told is None:
                self._running -= 1
            elif not told[0].outcome.done():
                told[0].outcome.set_result(told[1])
        self._go()

    async def _watch(self) -> None:
        """Ends calls that take too long; the oldest are the first."""
        late = (grpc.StatusCode.DEADLINE_EXCEEDED, f"The call was not done after {self._limits.seconds:g} seconds.")
        while True:
            await asyncio.sleep(_WATCH_S)
            until = time.perf_counter() - self._limits.seconds
            for call in [one for one in self._arriving if one.began < until]:
                self._give_up(call, late)
            for call in self._working:
                if call.began < until:
                    call.refuse(*late)

    def _stream(self, found: Any, details: Details) -> Any:
        """Returns what answers a stream with the handler that the interceptors leave of it."""

        async def answer(given: Any, context: Any) -> AsyncIterator[bytes]:
            if self._streams >= MOST_STREAMS:
                await context.abort(*TOO_MANY)
            self._streams += 1
            try:
                handler = await self._loop.run_in_executor(self._pool, self._methods.guarded, details)
                async for message in streamed(handler, given, context):
                    yield handler.response_serializer(message)
            except Aborted as aborted:
                await context.abort(aborted.code, aborted.details)
            finally:
                self._streams -= 1

        if found.request_streaming:
            return grpc.stream_stream_rpc_method_handler(answer)
        return grpc.unary_stream_rpc_method_handler(answer)
