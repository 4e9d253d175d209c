"""All clients of the REST API: what is done when something came from one, when its answer is there, and when it takes too long."""

from __future__ import annotations

import logging
import select
import socket
import ssl
from collections import deque
from collections.abc import Callable

from stellwerk.serving.rest.bodies import Room
from stellwerk.serving.rest.connection import Connection, Phase
from stellwerk.serving.rest.lanes import Exchange, Lanes
from stellwerk.serving.rest.limits import Limits
from stellwerk.serving.rest.messages import HttpRefused, Response

_LOG = logging.getLogger(__name__)

_DRAIN_S = 2.0
_CHANGES = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
_ENDS = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
_BUSY = (Phase.WORK, Phase.SEND)
_WAITING = (Phase.HANDSHAKE, Phase.IDLE, Phase.HEAD, Phase.BODY)

_TOO_LATE = "Timed out waiting for the answer: the time limit of the server is exceeded."


class Clients:
    """The connections of a server. Used by one thread."""

    def __init__(
        self, epoll: select.epoll, limits: Limits, tls: ssl.SSLContext | None, work: Lanes, room: Room
    ) -> None:
        self.leaving = False
        """Whether connections end after their next answer."""
        self._epoll = epoll
        self._limits = limits
        self._tls = tls
        self._work = work
        self._room = room
        self._open: dict[int, Connection] = {}
        self._unread: deque[Connection] = deque()
        self._allowed = {
            Phase.HANDSHAKE: limits.head_s,
            Phase.IDLE: limits.idle_s,
            Phase.HEAD: limits.head_s,
            Phase.BODY: limits.body_s,
            Phase.WORK: limits.answer_s,
            Phase.SEND: limits.body_s,
            Phase.DRAIN: _DRAIN_S,
        }

    def __len__(self) -> int:
        return len(self._open)

    @property
    def unread(self) -> bool:
        """Whether some clients have sent more than was read in one turn."""
        return bool(self._unread)

    def welcome(self, accepted: socket.socket) -> None:
        """Takes a new client, in the place of the one that waits longest where all are taken."""
        if len(self._open) >= self._limits.connections:
            self._make_room()
        try:
            connection = Connection(accepted, self._limits, self._tls, self._room.take)
            if len(self._open) >= self._limits.connections:
                if self._tls is None:
                    connection.send(
                        Response.error(503, "The server has too many connections now. Try again later.").encoded(True)
                    )
                connection.end()
                return
            self._open[connection.file] = connection
            self._epoll.register(connection.file, _CHANGES)
        except OSError as error:
            _LOG.debug("a connection ended at once: %s", error)
            accepted.close()

    def tell(self, file: int, event: int) -> None:
        """Does what can be done about an event of a connection."""
        connection = self._open.get(file)
        if connection is None:
            return
        if connection.phase is Phase.WORK:
            connection.more = True
        elif connection.phase is Phase.SEND:
            connection.more = True
            self._attempt(connection, self._send_on)
        else:
            self._attempt(connection, self._read)
            if event & _ENDS:  # what was read may not be all that the client did
                connection.more = True
                self._unread.append(connection)

    def read_on(self) -> None:
        """Reads on where more has come than was read in one turn."""
        for _ in range(len(self._unread)):
            connection = self._unread.popleft()
            if connection.phase not in _BUSY and self._open.get(connection.file) is connection:
                self._attempt(connection, self._read)

    def answer(self, exchange: Exchange, response: Response) -> None:
        """Sends the answer to a request, unless its client has gone or was told that it takes too long."""
        if exchange.held:
            self._room.give_back(exchange.held)
        connection = exchange.connection
        if connection.phase is Phase.WORK and connection.number == exchange.number:
            close = exchange.request.close or self.leaving
            self._attempt(connection, self._respond, response, close, exchange.request.method == "HEAD")

    def watch(self, now: float) -> None:
        """Ends what takes too long."""
        for connection in list(self._open.values()):
            if now - connection.since > self._allowed[connection.phase]:
                if connection.phase is Phase.WORK:
                    self._attempt(connection, self._respond, Response.error(504, _TOO_LATE), True, False)
                elif connection.phase in (Phase.HEAD, Phase.BODY):
                    late = Response.error(408, "The request was not sent in time.")
                    self._attempt(connection, self._respond, late, True, False)
                self._drop(connection)

    def leave(self) -> None:
        """Ends connections that are idle, and others after their answer."""
        self.leaving = True
        for connection in list(self._open.values()):
            if connection.phase is Phase.IDLE:
                self._attempt(connection, self._read)
            if connection.phase is Phase.IDLE:
                self._drop(connection)

    def end(self) -> None:
        """Ends all connections."""
        for connection in list(self._open.values()):
            self._drop(connection)

    def _attempt(self, connection: Connection, do: Callable[..., None], *arguments: object) -> None:
        """Does something with a connection, which ends where that fails."""
        try:
            do(connection, *arguments)
        except HttpRefused as refused:
            connection.refused = True
            self._attempt(connection, self._respond, Response.error(refused.status, str(refused)), True, False)
        except (OSError, ValueError) as error:  # a client that went away, or a failed handshake
            _LOG.debug("connection ended: %s", error)
            self._drop(connection)
        except Exception:
            _LOG.exception("connection failed")
            self._drop(connection)

    def _read(self, connection: Connection) -> None:
        if connection.phase is Phase.HANDSHAKE and not connection.shake_hands():
            return
        if connection.phase is Phase.DRAIN:
            self._drain(connection)
            return
        connection.receive()
        self._advance(connection)

    def _advance(self, connection: Connection) -> None:
        """Begins the next request, where it is there whole."""
        request = connection.take()
        if request is not None:
            held = connection.hand_over()
            self._work.begin(Exchange(connection, connection.number, request, held))
        elif connection.ended:
            self._drop(connection)
        elif connection.more:
            self._unread.append(connection)

    def _respond(self, connection: Connection, response: Response, close: bool, head_only: bool) -> None:
        connection.enter(Phase.SEND)
        connection.close = close
        if connection.send(response.encoded(close, head_only)):
            self._sent(connection)

    def _send_on(self, connection: Connection) -> None:
        if connection.send(b""):
            self._sent(connection)

    def _sent(self, connection: Connection) -> None:
        if connection.refused:
            self._drain(connection)
        elif connection.close:
            self._drop(connection)
        else:
            connection.enter(Phase.IDLE)
            if connection.more:
                connection.receive()
            if connection.buffer or connection.ended:
                self._advance(connection)

    def _drain(self, connection: Connection) -> None:
        if not connection.drain():
            self._drop(connection)
        elif connection.more:
            self._unread.append(connection)

    def _make_room(self) -> None:
        waiting = [one for one in self._open.values() if one.phase in _WAITING]
        if waiting:
            self._drop(min(waiting, key=lambda one: one.since))

    def _drop(self, connection: Connection) -> None:
        if self._open.get(connection.file) is connection:
            del self._open[connection.file]
            if connection.held:
                self._room.give_back(connection.held)
        connection.end()
