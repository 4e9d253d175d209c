"""An HTTP/1.1 server for many small requests: a thread for each connection, one read and one write for a request.

Beside the threads of connections a watch ends what takes too long, so that the path of a request has no timers: slow
senders, idle connections, answers over their time. When all places are taken, the connection that has waited longest for a
request gives way: slow clients cannot lock others out.
"""

from __future__ import annotations

import contextlib
import enum
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable

from stellwerk.errors import UsageError
from stellwerk.serving.rest.limits import Limits
from stellwerk.serving.rest.messages import HttpRefused, Request, Response, head_of, read_body

_LOG = logging.getLogger(__name__)

_WATCH_S = 0.1

_COUNTED_BYTES = 64 * 1024
"""Bodies up to this size are bounded by the number of connections alone."""


class _Phase(enum.Enum):
    IDLE = 0
    HEAD = 1
    BODY = 2
    WORK = 3
    SEND = 4


class HttpServer:
    """Listens, and lets `answer` turn requests into responses; `answer` is called from many threads and never raises.

    Use as a context manager. Raises UsageError when the address is taken; port 0 takes a free one.
    """

    def __init__(
        self,
        host: str,
        port: int,
        answer: Callable[[Request], Response],
        limits: Limits | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.answer = answer
        self.limits = limits or Limits()
        self.tls = tls
        self.closing = False
        self._connections: set[_Connection] = set()
        self._changed = threading.Condition()
        self._held = 0
        self._listener = _listener(host, port)
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        for work in (self._accept, self._watch):
            threading.Thread(target=work, name=f"http{work.__name__}", daemon=True).start()

    def __enter__(self) -> HttpServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def close(self) -> None:
        """Closes the port and idle connections at once, the others when their answers under way have been sent."""
        self.closing = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._changed:
            for connection in self._connections:
                if connection.phase is _Phase.IDLE:
                    connection.end()
            self._changed.wait_for(lambda: not self._connections, timeout=self.limits.grace_s)
            for connection in self._connections:
                connection.end()

    def hold(self, size: int) -> None:
        """Takes room for a body; raises HttpRefused when too many are held already."""
        with self._changed:
            if self._held + size > self.limits.held_bytes:
                raise HttpRefused(503, "The server holds too many large requests now. Try again later.")
            self._held += size

    def release(self, size: int) -> None:
        """Gives the room of a body back."""
        with self._changed:
            self._held -= size

    def ended(self, connection: _Connection) -> None:
        """Forgets a connection."""
        with self._changed:
            self._connections.discard(connection)
            self._changed.notify_all()

    def _accept(self) -> None:
        while not self.closing:
            try:
                accepted, _ = self._listener.accept()
            except OSError as error:
                if self.closing:
                    return
                _LOG.warning("no connection can be accepted: %s", error)
                time.sleep(_WATCH_S)
                continue
            self._start(accepted)

    def _start(self, accepted: socket.socket) -> None:
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _Connection(self, accepted)
        with self._changed:
            if len(self._connections) >= self.limits.connections:
                self._make_room()
            full = len(self._connections) >= self.limits.connections or self.closing
            if not full:
                self._connections.add(connection)
        if full:
            connection.refuse_and_close(503, "The server has too many connections now. Try again later.")
            return
        try:
            threading.Thread(target=connection.run, name="http-connection", daemon=True).start()
        except RuntimeError as error:
            _LOG.warning("no thread for a connection: %s", error)
            self.ended(connection)
            accepted.close()

    def _make_room(self) -> None:
        waiting = [one for one in self._connections if one.phase in (_Phase.IDLE, _Phase.HEAD, _Phase.BODY)]
        if waiting:
            longest = min(waiting, key=lambda one: one.since)
            longest.end()
            self._connections.discard(longest)

    def _watch(self) -> None:
        limits = self.limits
        allowed = {
            _Phase.IDLE: limits.idle_s,
            _Phase.HEAD: limits.head_s,
            _Phase.BODY: limits.body_s,
            _Phase.WORK: limits.answer_s,
            _Phase.SEND: limits.body_s,
        }
        while not self.closing or self._connections:
            time.sleep(_WATCH_S)
            now = time.monotonic()
            for connection in list(self._connections):
                if now - connection.since > allowed[connection.phase]:
                    connection.too_late()


class _Connection:
    """One client: reads a request, has it answered, and so on until either side has enough."""

    def __init__(self, server: HttpServer, accepted: socket.socket) -> None:
        self.server = server
        self.phase = _Phase.HEAD
        self.since = time.monotonic()
        self._socket = accepted
        self._ended = False
        self._buffer = bytearray()
        self._turn = threading.Lock()
        self._held = 0

    def run(self) -> None:
        try:
            if self.server.tls is not None:
                self._encrypt(self.server.tls)
            while self._answer_one() and not self.server.closing:
                pass
        except (OSError, ValueError) as error:  # a client that went away, or a failed handshake
            _LOG.debug("connection ended: %s", error)
        except Exception:
            _LOG.exception("connection failed")
        finally:
            self.server.ended(self)
            self._close()

    def _encrypt(self, tls: ssl.SSLContext) -> None:
        # Wrapping takes the file over: the watch must know the new socket before the handshake, which may never end.
        self._socket = encrypted = tls.wrap_socket(self._socket, server_side=True, do_handshake_on_connect=False)
        if self._ended:
            self.end()
        encrypted.do_handshake()

    def receive(self) -> bool:
        """Reads more from the client into the buffer; False at its end."""
        data = self._socket.recv(262_144)
        self._buffer += data
        return bool(data)

    def hold(self, size: int) -> None:
        """Takes room for so much more of a body; small ones are not counted."""
        if size > _COUNTED_BYTES:
            self.server.hold(size)
            self._held += size

    def proceed(self) -> None:
        """Tells a client that waits for it to send the body."""
        self._socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    def end(self) -> None:
        """Makes reads and writes of this connection fail, from any thread."""
        self._ended = True
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def too_late(self) -> None:
        """Ends what takes too long; called by the watch."""
        if self.phase is _Phase.WORK:
            late = "Timed out waiting for the answer: the time limit of the server is exceeded."
            if self._claim():
                self._send_late(504, late)
        elif self.phase in (_Phase.HEAD, _Phase.BODY) and self.server.tls is None:
            self._send_late(408, "The request was not sent in time.")
        self.end()

    def refuse_and_close(self, status: int, message: str) -> None:
        """Answers a connection that is not served."""
        if self.server.tls is None:
            self._send_late(status, message)
        self._close()

    def _enter(self, phase: _Phase) -> None:
        self.since = time.monotonic()
        self.phase = phase

    def _answer_one(self) -> bool:
        self._held = 0
        try:
            request = self._read_head()
            if request is None:
                return False
            if request.length:
                self._enter(_Phase.BODY)
                request.body = read_body(request, self._buffer, self, self.server.limits.body_bytes)
        except HttpRefused as refused:
            self._enter(_Phase.SEND)
            self._send(Response.error(refused.status, str(refused)), close=True)
            self._drain()
            return False
        else:
            self._enter(_Phase.WORK)
            response = self.server.answer(request)
            if not self._claim():
                return False
            close = request.close or self.server.closing
            self._send(response, close, request.method == "HEAD")
            return not close
        finally:
            if self._held:
                self.server.release(self._held)

    def _read_head(self) -> Request | None:
        if not self._buffer:
            self._enter(_Phase.IDLE)
            if self.server.closing or not self.receive():
                return None
            self._enter(_Phase.HEAD)
        while (request := head_of(self._buffer, self.server.limits.body_bytes)) is None:
            if not self.receive():
                return None
        return request

    def _claim(self) -> bool:
        """Takes the right to answer, which the connection and the watch both may want."""
        with self._turn:
            if self.phase is not _Phase.WORK:
                return False
            self._enter(_Phase.SEND)
            return True

    def _send(self, response: Response, close: bool, head_only: bool = False) -> None:
        self._socket.sendall(response.encoded(close, head_only))

    def _send_late(self, status: int, message: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._socket.settimeout(1.0)
            self._send(Response.error(status, message), close=True)

    def _drain(self) -> None:
        """Reads away a little of what a refused client still sends, so that it sees the answer before the end."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_WR)
            self._socket.settimeout(1.0)
            until = time.monotonic() + 2.0
            while time.monotonic() < until and self._socket.recv(262_144):
                pass

    def _close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.close()


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
    return listener
