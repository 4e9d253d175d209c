"""What a connection waits for, and the server as a connection sees it."""

from __future__ import annotations

import asyncio
import enum
from typing import TYPE_CHECKING, Protocol

from stellwerk.serving.rest.bodies import Room
from stellwerk.serving.rest.limits import Limits
from stellwerk.serving.rest.messages import Request, Response

if TYPE_CHECKING:
    from stellwerk.serving.rest.connection import Connection


class Phase(enum.Enum):
    """What a connection waits for."""

    HANDSHAKE = enum.auto()
    IDLE = enum.auto()
    HEAD = enum.auto()
    BODY = enum.auto()
    WORK = enum.auto()
    SEND = enum.auto()
    DRAIN = enum.auto()
    """What a refused client still sends is read away a while, so that it sees the answer before the end."""


class Host(Protocol):
    """The server, as a connection sees it."""

    limits: Limits
    room: Room

    @property
    def leaving(self) -> bool:
        """Whether connections end after their next answer."""

    def at_head(self, request: Request) -> Response | None:
        """Answers what needs no body, or refuses it before any of it is kept."""

    def begin(self, request: Request) -> asyncio.Future[Response]:
        """Has a request answered."""

    def leave(self, connection: Connection) -> None:
        """Forgets a connection that has ended."""

    def make_room(self) -> bool:
        """Has the body that is sent slowest give way, and says whether there was one."""
