"""Receives calls and has them answered: threads that take turns at the queue of gRPC's C core.

The thread whose turn it is takes all that has come, gives the turn to the next and answers what it took. Nothing is handed
from one thread to another, so a request costs no wake-up of its own, and requests that came together are answered together.
A call holds a thread only once its request is there whole: senders that are slow or never finish hold none.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from grpc._cython import cygrpc

from stellwerk.errors import UsageError
from stellwerk.serving.grpc.calls import GAVE_WAY, MOST_STREAMS, NOT_FOUND, TOO_MANY, Call, Details, Limits
from stellwerk.serving.grpc.core.calls import SENT, CoreCall
from stellwerk.serving.grpc.core.streams import Stream
from stellwerk.serving.grpc.methods import Methods

_LOG = logging.getLogger(__name__)

_ACCEPT = "accept"
_DOWN = "down"
_ACCEPTING = 128
"""Calls that the C core may hand over before it is asked for more."""

_MOST_EVENTS = 512
_PATIENCE = 8
"""How often in a row the queue may be empty before those that came are answered: it looks at one connection each time."""

_POLL_S = 0.5
_BUSY_POLL_S = 0.005
_HELD_BACK_S = 0.002
"""How long calls wait at most because others are asked: the model of a table takes less for a whole group."""

_WATCH_S = 0.1


class CoreReceiver:
    """Answers calls from `start` to `stop`; see `calls.Receiver`."""

    def __init__(self, options: list[tuple[str, int]], methods: Methods, limits: Limits) -> None:
        self.work: dict[str, Callable[[list[Call]], None]] = {}
        self._methods, self._together = methods, limits.together
        self._workers, self._most, self._seconds = limits.workers, limits.most, limits.seconds
        self._most_arriving = limits.arriving
        self._queue = cygrpc.CompletionQueue()
        self._server = cygrpc.Server([(name.encode(), value) for name, value in options], False)
        self._server.register_completion_queue(self._queue)
        self._open: dict[CoreCall, None] = {}
        self._arriving: dict[CoreCall, None] = {}
        self._ready: deque[Call] = deque()
        self._ready_together: deque[Call] = deque()
        self._asking: dict[int, float] = {}
        self._turn = threading.Lock()
        self.sending: contextlib.AbstractContextManager[Any] | threading.Lock = threading.Lock()
        """Held by who takes calls or sends the answers of a group: in turns of their own they would wait for each other at each call."""
        self._pool = ThreadPoolExecutor(limits.workers, thread_name_prefix="grpc-apart")
        self._idle: set[int] = set()
        self._at_work: set[int] = set()
        self._threads: list[threading.Thread] = []
        self._streams: set[threading.Thread] = set()
        self._down = threading.Event()
        self._ended = False

    def bind(self, address: str, credentials: grpc.ServerCredentials | None) -> int:
        """Binds to an address and returns the port; raises UsageError, and frees everything, where it cannot be taken."""
        secret = () if credentials is None else (credentials._credentials,)
        port = int(self._server.add_http2_port(address.encode(), *secret))
        if not port:
            self._discard()
            raise UsageError(
                f"cannot listen on {address}: it is taken or none of this machine. Choose another host or port."
            )
        return port

    def start(self) -> None:
        """Begins to answer; returns at once."""
        self._server.start()
        for _ in range(_ACCEPTING):
            self._server.request_call(self._queue, self._queue, _ACCEPT)
        self._begin(self._take_turns, "grpc-answer")
        self._begin(self._watch, "grpc-watch")

    def stop(self, grace: float) -> None:
        """Takes no more calls and gives those under way `grace` seconds. Returns when all have ended."""
        self._server.shutdown(self._queue, _DOWN)
        if not self._down.wait(grace):
            self._open.clear()
            self._server.cancel_all_calls()
            self._down.wait()
        self._ended = True
        until = time.monotonic() + 2 * _POLL_S
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._server.destroy()

    def _discard(self) -> None:
        self._server.start()
        self._server.shutdown(self._queue, _DOWN)
        while self._queue.poll(time.time() + _POLL_S).tag != _DOWN:
            pass
        self._server.destroy()

    def elsewhere(self, work: Callable[[], None]) -> None:
        """Does some work in another thread."""
        self._pool.submit(work)

    def asked(self) -> None:
        """Says, from the thread that answers a group, that it has asked the model: the next group may be taken."""
        self._asking.pop(threading.get_ident(), None)

    def _begin(self, work: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _begin_turns(self) -> None:
        try:
            self._begin(self._take_turns, "grpc-answer")
        except RuntimeError as error:
            _LOG.warning("no thread for more calls: %s", error)

    def _take_turns(self) -> None:
        me = threading.get_ident()
        while True:
            self._idle.add(me)
            with self._turn:
                self._idle.discard(me)
                calls = self._next()
                if not calls:
                    return
                self._at_work.add(me)
                if calls[0].details.method in self.work:
                    self._asking[me] = time.perf_counter()
                if not self._idle and len(self._threads) < self._workers + 2:
                    self._begin_turns()
            try:
                self._answer(calls)
            except Exception:
                _LOG.exception("calls failed")
                for call in calls:
                    call.refuse(grpc.StatusCode.UNKNOWN, "the server could not answer this request; its log says why.")
            del calls
            self._asking.pop(me, None)
            self._at_work.discard(me)

    def _answer(self, calls: list[Call]) -> None:
        work = self.work.get(calls[0].details.method)
        if work is not None:
            work(calls)
        else:
            self._methods.answer(calls[0])

    def _next(self) -> list[Call]:
        """Receives until there is work and a worker for it; returns nothing at the end of the server."""
        while not self._ended:
            busy = len(self._at_work) >= self._workers
            if self._ready and not busy:
                return [self._ready.popleft()]
            held_back = busy or self._asks_now()
            if self._ready_together and not held_back:
                most = min(self._together, len(self._ready_together))
                return [self._ready_together.popleft() for _ in range(most)]
            self._receive(_BUSY_POLL_S if busy else _HELD_BACK_S if self._ready_together else _POLL_S)
        return []

    def _asks_now(self) -> bool:
        """Says whether a group has just begun to ask the model: those that came meanwhile wait a moment, and are asked as one."""
        since = time.perf_counter() - _HELD_BACK_S
        return self._together > 1 and any(began > since for began in list(self._asking.values()))

    def _receive(self, seconds: float) -> None:
        """Waits for the first event so long, and takes what else is there."""
        event = self._queue.poll(time.time() + seconds)
        with self.sending:
            self._take_all(event)

    def _take_all(self, event: Any) -> None:
        """Takes an event and what else is there."""
        empty = 0
        patience = min(_PATIENCE, len(self._open)) if self._together > 1 else 1
        for _ in range(_MOST_EVENTS):
            if event.completion_type != cygrpc.CompletionType.queue_timeout:
                empty = 0
                try:
                    self._handle(event)
                except Exception:
                    _LOG.exception("a call could not be received")
                event = None  # an event that holds a call while the queue is asked makes the C core wait
            elif not (self._ready or self._ready_together) or (empty := empty + 1) >= patience:
                return
            event = self._queue.poll(0.0)

    def _handle(self, event: Any) -> None:
        tag = event.tag
        if tag is SENT:
            return
        if type(tag) is CoreCall:
            self._arriving.pop(tag, None)
            message = event.batch_operations[0].message()
            if message is None:
                tag.refuse(grpc.StatusCode.INVALID_ARGUMENT, "The call ended without a request.")
            else:
                tag.message = message
                (self._ready_together if tag.details.method in self.work else self._ready).append(tag)
        elif tag is _ACCEPT:
            if event.success:
                self._accept(event)
        elif tag is _DOWN:
            self._down.set()
        else:
            tag(event)

    def _accept(self, event: Any) -> None:
        with contextlib.suppress(ValueError):  # the server has just begun to stop
            self._server.request_call(self._queue, self._queue, _ACCEPT)
        details = Details(event.call_details.method.decode("utf-8", "replace"), event.invocation_metadata)
        handler = self._methods.find(details)
        if handler is not None and handler.unary_unary is None:
            self._accept_stream(event.call, details)
            return
        call = CoreCall(event.call, details, self._close)
        full = len(self._open) - len(self._arriving) >= self._most
        self._open[call] = None
        turned_away = self._methods.turned_away(details) if handler is not None else NOT_FOUND
        if turned_away is not None:
            call.refuse(*turned_away)
        elif full:
            call.refuse(*TOO_MANY)
        else:
            self._arriving[call] = None
            if len(self._arriving) > self._most_arriving:
                oldest = next(iter(self._arriving))
                del self._arriving[oldest]
                oldest.refuse(*GAVE_WAY)
            call.raw.start_server_batch((cygrpc.ReceiveMessageOperation(0),), call)

    def _accept_stream(self, raw: Any, details: Details) -> None:
        if len(self._streams) >= MOST_STREAMS:
            CoreCall(raw, details, lambda _: True).refuse(*TOO_MANY)
            return
        stream = Stream(raw, details)

        def run() -> None:
            try:
                stream.run(self._methods.guarded(details))
            finally:
                self._streams.discard(threading.current_thread())

        thread = threading.Thread(target=run, name="grpc-stream", daemon=True)
        self._streams.add(thread)
        thread.start()

    def _close(self, call: CoreCall) -> bool:
        return self._open.pop(call, _ACCEPT) is None

    def _watch(self) -> None:
        """Ends calls that take too long; the oldest are the first of those that are open."""
        text = f"The call was not done after {self._seconds:g} seconds."
        while not self._ended:
            time.sleep(_WATCH_S)
            for call in list(self._open):
                if time.perf_counter() - call.began <= self._seconds:
                    break
                try:
                    call.refuse(grpc.StatusCode.DEADLINE_EXCEEDED, text)
                except Exception:  # or no other call would ever be ended
                    _LOG.exception("a call could not be ended")
