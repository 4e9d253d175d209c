"""One client of the REST API: what came from it and is not read yet, what goes to it and is not sent yet. Nothing here waits.

Only the thread that waits for all connections touches one, so nothing here is locked.
"""

from __future__ import annotations

import contextlib
import enum
import socket
import ssl
import time
from collections.abc import Callable

from stellwerk.serving.rest.bodies import Body, body_of
from stellwerk.serving.rest.limits import Limits
from stellwerk.serving.rest.messages import HttpRefused, Request, head_of

_COUNTED_BYTES = 64 * 1024
"""A body up to this size is bounded by the number of connections alone."""

_MOST_READS = 16
"""How often one client is read before others have their turn."""

_WOULD_WAIT = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)

_RECEIVED = memoryview(bytearray(128 * 1024))


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


class Connection:
    """One client. Its socket does not block and tells each change once: `more` says that there may be something to read."""

    def __init__(
        self, accepted: socket.socket, limits: Limits, tls: ssl.SSLContext | None, hold: Callable[[int], None]
    ) -> None:
        """`hold` takes room for a large body; whoever releases `held` gives it back."""
        accepted.setblocking(False)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = accepted.fileno()
        self.socket = accepted
        if tls is not None:
            self.socket = tls.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)
        self.number = 0
        """Of the request that is at work, or was."""
        self.phase = Phase.IDLE if tls is None else Phase.HANDSHAKE
        self.since = time.monotonic()
        self.buffer = bytearray()
        self.more = False
        self.ended = False
        self.close = False
        """Whether the connection ends after the answer."""
        self.refused = False
        self.held = 0
        self._counted = 0
        self._limits = limits
        self._plain = tls is None
        self._hold = hold
        self._reading: tuple[Request, Body] | None = None
        self._outgoing: memoryview | None = None

    def enter(self, phase: Phase) -> None:
        """Begins to wait for something else."""
        self.phase = phase
        self.since = time.monotonic()

    def shake_hands(self) -> bool:
        """Goes on with the TLS handshake; says whether it is done."""
        try:
            self.socket.do_handshake()  # type: ignore[attr-defined]
        except _WOULD_WAIT:
            return False
        self.enter(Phase.IDLE)
        return True

    def receive(self) -> None:
        """Reads what has come; `more` stays where it may not be all."""
        self.more = True
        for _ in range(_MOST_READS):
            try:
                size = self.socket.recv_into(_RECEIVED)
            except _WOULD_WAIT:
                self.more = False
                return
            if not size:
                self.more, self.ended = False, True
                return
            self.buffer += _RECEIVED[:size]
            if self._plain and size < len(_RECEIVED):
                self.more = False
                return

    def take(self) -> Request | None:
        """Returns the next request once it is there whole. Raises HttpRefused."""
        if self._reading is None:
            head = head_of(self.buffer, self._limits.body_bytes)
            if head is None:
                if self.buffer and self.phase is Phase.IDLE:
                    self.enter(Phase.HEAD)
                return None
            if not head.length:
                return head.whole(b"")
            self._reading = head, body_of(head, self._limits.body_bytes, self._count)
            if head.headers.get("expect", "").lower() == "100-continue" and not self.buffer:
                self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        head, body = self._reading
        whole = body.take(self.buffer)
        if whole is None:
            if self.phase is not Phase.BODY:
                self.enter(Phase.BODY)
            if self.ended:
                raise HttpRefused(400, body.missing(self.buffer))
            return None
        self._reading = None
        return head.whole(whole)

    def _count(self, size: int) -> None:
        self._counted += size
        if self._counted > _COUNTED_BYTES:
            self._hold(self._counted - self.held)
            self.held = self._counted

    def hand_over(self) -> int:
        """Begins the work on a request; returns what is held for it, which the connection forgets."""
        held, self.held, self._counted = self.held, 0, 0
        self.number += 1
        self.enter(Phase.WORK)
        return held

    def send(self, data: bytes) -> bool:
        """Sends, behind what is not sent yet; returns whether all of it is."""
        if self._outgoing is not None:
            data = bytes(self._outgoing) + data
        left = memoryview(data)
        while left:
            try:
                left = left[self.socket.send(left) :]
            except _WOULD_WAIT:
                self._outgoing = left
                return False
        self._outgoing = None
        return True

    def drain(self) -> bool:
        """Reads what a refused client still sends, and leaves it; False at its end."""
        if self.phase is not Phase.DRAIN:
            self.enter(Phase.DRAIN)
            socket.socket.shutdown(self.socket, socket.SHUT_WR)
        self.buffer.clear()
        self.receive()
        return not self.ended

    def end(self) -> None:
        """Closes the socket."""
        with contextlib.suppress(OSError):
            self.socket.close()
