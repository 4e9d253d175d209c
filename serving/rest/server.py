"""An HTTP/1.1 server for many small requests: one event loop reads and writes, other threads answer.

What came together goes to one thread as one (`queues.py`), so that a request costs no wake-up of its own. What one client may
take, and who gives way when all places are taken, is in `connection_limits.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import threading
from collections.abc import Callable

import uvloop

from stellwerk.errors import UsageError
from stellwerk.serving.rest.bodies import Room, unzipping
from stellwerk.serving.rest.connection import Connection
from stellwerk.serving.rest.connection_limits import ConnectionLimits
from stellwerk.serving.rest.group_queue import Grouping, GroupQueues
from stellwerk.serving.rest.limits import Limits
from stellwerk.serving.rest.messages import Request, Response

_LOG = logging.getLogger(__name__)

_WATCH_S = 0.1


class HttpServer:
    """Listens, and lets `answer` turn requests into responses; `answer` is called from many threads and never raises.

    `at_head` answers what needs no body, or refuses it before any of it is kept; it must not wait. What `together` takes is
    answered with the others that came. Use as a context manager. Raises UsageError when the address is taken; port 0 takes a
    free one.
    """

    def __init__(
        self,
        host: str,
        port: int,
        answer: Callable[[Request], Response],
        limits: Limits | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        together: Grouping | None = None,
        at_head: Callable[[Request], Response | None] = lambda _: None,
    ) -> None:
        self.limits = limits or Limits()
        self._listener = _listener(host, port)
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        self._tls, self.at_head, self._together = tls, at_head, together
        self.room = Room(self.limits.held_bytes)
        self._answer = unzipping(answer, self.limits.body_bytes, self.room)
        self._places = ConnectionLimits(self.limits)
        self._began = threading.Event()
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)
        self._thread.start()
        self._began.wait()

    def __enter__(self) -> HttpServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._places)

    @property
    def leaving(self) -> bool:
        """Whether connections end after their next answer."""
        return self._places.leaving

    def begin(self, request: Request) -> asyncio.Future[Response]:
        """Has a request answered; called on the loop, as the two below."""
        return self._queues.begin(request)

    def leave(self, connection: Connection) -> None:
        """Forgets a connection that has ended."""
        self._places.leave(connection)

    def make_room(self) -> bool:
        """Has the body that is sent slowest give way, and says whether there was one."""
        return self._places.make_room()

    def close(self) -> None:
        """Closes the port and idle connections at once, the others when their answers under way have been sent."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._serve())
        finally:
            self._began.set()
            self._listener.close()

    async def _serve(self) -> None:
        self._loop, self._closing = asyncio.get_running_loop(), asyncio.Event()
        threads = 2 * self.limits.connections  # an answer that is too late keeps its thread, but not its place
        self._queues = GroupQueues(self._answer, self._together, threads)
        tasks = [self._loop.create_task(self._accept()), self._loop.create_task(self._watch())]
        self._began.set()
        await self._closing.wait()
        tasks[0].cancel()
        await asyncio.wait(tasks[:1])
        self._listener.close()
        self._places.leaving = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.limits.grace_s):
                while len(self._places):
                    await asyncio.sleep(_WATCH_S / 4)
        tasks[1].cancel()
        self._places.end()
        self._queues.stop()
        await asyncio.sleep(0)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_WATCH_S)
            self._places.watch()

    async def _accept(self) -> None:
        while True:
            try:
                accepted, _ = await self._loop.sock_accept(self._listener)
            except OSError as error:
                _LOG.warning("no connection can be accepted: %s", error)
                self._places.make_place()  # where no descriptor is left, who waits longest gives its own
                await asyncio.sleep(_WATCH_S)
                continue
            await self._welcome(accepted)

    async def _welcome(self, accepted: socket.socket) -> None:
        accepted.setblocking(False)
        connection = Connection(self, accepted, self._tls is not None)
        has_place = self._places.enter(connection)
        if self._tls is None:
            await self._connect(connection)
            if not has_place:
                self._places.turn_away(connection)
        elif has_place:
            connection.handshake = self._loop.create_task(self._connect(connection))
        else:
            accepted.close()

    async def _connect(self, connection: Connection) -> None:
        """Makes a connection of an accepted socket, through the handshake where there is one."""
        timeout = None if self._tls is None else self.limits.head_s
        try:
            await self._loop.connect_accepted_socket(
                lambda: connection, connection.socket, ssl=self._tls, ssl_handshake_timeout=timeout
            )
        except (
            OSError,
            asyncio.CancelledError,
            ssl.SSLError,
        ):  # a client that went away, or that shakes hands otherwise
            self._places.leave(connection)
            connection.socket.close()
        finally:
            connection.handshake = None


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
