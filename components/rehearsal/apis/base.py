"""What every API can do: make requests ahead of time, send them from many clients, and read the answers afterwards.

Bodies and answers are bytes, so that while time is taken nothing is done but sending and receiving.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from stellwerk.components.rehearsal.candidate import Ports
from stellwerk.serving.tensors import Array

ANSWER_SECONDS = 30.0
"""A request without an answer for so long has failed."""


class Unanswered(Exception):
    """A request that the server did not answer, or answered with an error."""

    def __init__(self, message: str, *, broken: bool = False) -> None:
        super().__init__(message)
        self.broken = broken
        """Whether the connection is gone, and with it perhaps the server."""


class Client(Protocol):
    """One client with a connection of its own."""

    def connect(self) -> None:
        """Connects ahead of the first request, so that it is not part of what is measured. Raises Unanswered."""

    def ask(self, body: bytes) -> bytes:
        """Sends one request and returns the body of the answer. Raises Unanswered where it is an error, or none comes."""

    def close(self) -> None:
        """Ends the connection."""


class Api(Protocol):
    """One way to ask a server."""

    def body(self, columns: Mapping[str, Array]) -> bytes:
        """Returns the request for these values, [examples] of each input."""

    def outputs(self, answer: bytes) -> Mapping[str, Any] | None:
        """Returns the values of each output in an answer, as arrays or nested lists; '' is the name of an only one.

        None where it is no answer.
        """

    def client(self, ports: Ports) -> Client:
        """Returns a new client of the server on these ports."""
