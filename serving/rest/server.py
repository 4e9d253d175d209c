"""An HTTP/1.1 server for many small requests: one thread waits for all connections, reads what came and writes what is answered.

Answering is left to other threads (`lanes.py`): what came together goes to one of them as one, so that a request costs no
wake-up of its own. The one thread also ends what takes too long. When all places are taken, the connection that has waited
longest for a request gives way: slow clients cannot lock others out.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import socket
import ssl
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from io import FileIO

from stellwerk.errors import UsageError
from stellwerk.serving.rest.bodies import Room, unzipping
from stellwerk.serving.rest.clients import Clients
from stellwerk.serving.rest.lanes import Exchange, Lanes, Together
from stellwerk.serving.rest.limits import Limits
from stellwerk.serving.rest.messages import Request, Response

_LOG = logging.getLogger(__name__)

_WATCH_S = 0.1
_MOST_EVENTS = 1024
_MOST_ACCEPTED = 64
_ONE = (1).to_bytes(8, sys.byteorder)


class HttpServer:
    """Listens, and lets `answer` turn requests into responses; `answer` is called from many threads and never raises.

    What `together` takes is answered with the others that came. Use as a context manager. Raises UsageError when the address
    is taken; port 0 takes a free one.
    """

    def __init__(
        self,
        host: str,
        port: int,
        answer: Callable[[Request], Response],
        limits: Limits | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        together: Together | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self._listener = _listener(host, port)
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        self._accept_at = 0.0
        self._look_at = 0.0
        self._until = 0.0
        self._done: deque[tuple[Hashable | None, Sequence[tuple[Exchange, Response]]]] = deque()
        self._woken = False
        self._wakes = FileIO(os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC), "r+")
        self._waking = threading.Lock()  # whoever wakes must not meet a file that is just being closed
        self._epoll = select.epoll()
        self._epoll.register(self._wakes, select.EPOLLIN)
        self._epoll.register(self._listener, select.EPOLLIN)
        room = Room(self.limits.held_bytes)
        plainly = unzipping(answer, self.limits.body_bytes, room)
        threads = 2 * self.limits.connections  # an answer that is too late keeps its thread, but not its place
        self._work = Lanes(plainly, together, self._post, threads)
        self._clients = Clients(self._epoll, self.limits, tls, self._work, room)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)
        self._thread.start()

    def __enter__(self) -> HttpServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._clients)

    def close(self) -> None:
        """Closes the port and idle connections at once, the others when their answers under way have been sent."""
        if not self._closing.is_set():
            self._until = time.monotonic() + self.limits.grace_s
            self._closing.set()
            self._wake()
        self._thread.join()

    def _post(self, kind: Hashable | None, answers: Sequence[tuple[Exchange, Response]]) -> None:
        """Takes answers from any thread, and wakes the one that writes them where nobody has."""
        self._done.append((kind, answers))
        if not self._woken:
            self._woken = True
            self._wake()

    def _wake(self) -> None:
        with self._waking, contextlib.suppress(ValueError):  # the server has ended
            self._wakes.write(_ONE)

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                waits = len(self._clients) or self._accept_at
                self._turn(_WATCH_S if waits else -1.0)
            self._turn(0.0)
            self._listener.close()
            self._clients.leave()
            while len(self._clients) and time.monotonic() < self._until:
                self._turn(_WATCH_S)
        except Exception:
            _LOG.exception("REST has ended")
        finally:
            self._clients.end()
            self._work.stop()
            self._listener.close()
            self._epoll.close()
            with self._waking:
                self._wakes.close()

    def _turn(self, seconds: float) -> None:
        """Waits so long for something to happen, and does all that can be done about it without waiting."""
        wakes, listener = self._wakes.fileno(), self._listener.fileno()
        for file, event in self._epoll.poll(0.0 if self._clients.unread else seconds, _MOST_EVENTS):
            if file == wakes:
                self._wakes.read(8)
            elif file == listener:
                self._accept()
            else:
                self._clients.tell(file, event)
        self._clients.read_on()
        self._woken = False
        answered = [self._done.popleft() for _ in range(len(self._done))]
        for kind, _ in answered:
            self._work.finished(kind)
        self._work.go()
        for _, answers in answered:
            for exchange, response in answers:
                self._clients.answer(exchange, response)
        self._work.go()
        self._watch(time.monotonic())

    def _watch(self, now: float) -> None:
        if now < self._look_at:
            return
        self._look_at = now + _WATCH_S
        self._clients.watch(now)
        if self._accept_at and now >= self._accept_at and not self._closing.is_set():
            self._accept_at = 0.0
            self._epoll.modify(self._listener, select.EPOLLIN)

    def _accept(self) -> None:
        for _ in range(_MOST_ACCEPTED):
            try:
                accepted, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if not self._closing.is_set():
                    _LOG.warning("no connection can be accepted: %s", error)
                    self._accept_at = time.monotonic() + _WATCH_S
                    self._epoll.modify(self._listener, 0)
                return
            self._clients.welcome(accepted)


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"cannot listen on {host}:{port}: {reason}. Choose another host or port.") from error
    listener.setblocking(False)
    return listener
