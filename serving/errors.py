"""What a request is refused with: a canonical code, which gRPC sends as it is and REST as an HTTP status, and a sentence.

The codes and, where there is one, the texts are those of TensorFlow Serving: clients match on them.
"""

from __future__ import annotations

import enum

from stellwerk.errors import StellwerkError


class Code(enum.IntEnum):
    """The canonical codes of gRPC and Abseil, by the numbers that they have on the wire."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class ServingError(StellwerkError):
    """A request that is answered with an error. At the start of a server, it ends the command like any other error."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
