"""Who is connected: how many may be, who gives way to a new client, and who takes too long."""

from __future__ import annotations

import time

from stellwerk.serving.rest.connection import Connection
from stellwerk.serving.rest.host import Phase
from stellwerk.serving.rest.limits import Limits
from stellwerk.serving.rest.messages import HttpRefused, Response

_WAITING = (Phase.HANDSHAKE, Phase.IDLE, Phase.HEAD, Phase.BODY)
_DRAIN_S = 2.0
_SLOW_S = 1.0
"""A body of which nothing came for so long gives way to others when no room is left."""

_TOO_LATE = "Timed out waiting for the answer: the time limit of the server is exceeded."
_TOO_MANY = "The server has too many connections now. Try again later."


class ConnectionLimits:
    """The connections of a server. Used on its event loop alone."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: dict[Connection, None] = {}
        self.leaving = False
        """Whether connections end after their next answer."""
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

    def enter(self, connection: Connection) -> bool:
        """Takes a place, of the one that waits longest where all are taken; False where all are at work."""
        if len(self._open) >= self._limits.connections:
            self.make_place()
        if len(self._open) >= self._limits.connections:
            return False
        self._open[connection] = None
        return True

    def leave(self, connection: Connection) -> None:
        """Gives a place back."""
        self._open.pop(connection, None)

    def make_place(self) -> None:
        """Ends the connection that has waited longest for its client."""
        waiting = [one for one in self._open if one.phase in _WAITING]
        if waiting:
            min(waiting, key=lambda one: one.since).drop()

    def make_room(self) -> bool:
        """Ends the reading of the body of which nothing came for the longest time; says whether there was one."""
        late = time.monotonic() - _SLOW_S
        slow = [one for one in self._open if one.phase is Phase.BODY and one.heard_at < late]
        if slow:
            slowest = min(slow, key=lambda one: one.heard_at)
            slowest.refuse(HttpRefused(408, "The request was sent too slowly while others waited for room."))
        return bool(slow)

    def turn_away(self, connection: Connection) -> None:
        """Tells a client that there is no place."""
        connection.tell_and_end(Response.error(503, _TOO_MANY))

    def watch(self) -> None:
        """Ends what takes too long, and at the end of the server who waits for nothing."""
        now = time.monotonic()
        for connection in list(self._open):
            phase = connection.phase
            if now - connection.since > self._allowed[phase]:
                if phase in (Phase.HEAD, Phase.BODY):
                    connection.refuse(HttpRefused(408, "The request was not sent in time."))
                elif phase is Phase.WORK:
                    connection.end_work(Response.error(504, _TOO_LATE))
                else:
                    connection.drop()
            elif phase is Phase.IDLE and self.leaving:
                connection.drop()

    def end(self) -> None:
        """Ends all connections."""
        for connection in list(self._open):
            connection.drop()
