"""What clients of either API have in common."""

from __future__ import annotations

from typing import Protocol


class Unanswered(Exception):
    """A request that the server did not answer, or answered with an error. What the network said is its cause."""

    def __init__(
        self, message: str, *, broken: bool = False, code: int | str | None = None, said: str = "", wait: float = 0.0
    ) -> None:
        super().__init__(message)
        self.broken = broken
        """Whether the connection is gone, and with it perhaps the server."""
        self.code = code
        """The status of HTTP or the code of gRPC; None where no answer came."""
        self.said = said
        """The server's own words."""
        self.wait = wait
        """Seconds that the server asks to wait."""


class Client(Protocol):
    """One client. Bodies and answers are bytes, so that whoever takes the time measures nothing but sending and receiving."""

    def connect(self) -> None:
        """Connects ahead of the first request. Raises Unanswered."""

    def ask(self, body: bytes) -> bytes:
        """Sends one request for predictions and returns the body of the answer. Raises Unanswered where it is an error, or none comes."""

    def close(self) -> None:
        """Ends the connection."""
