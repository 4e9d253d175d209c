"""One call of gRPC, however it is received: what came, and the one answer or refusal that it gets."""

from __future__ import annotations

import abc
import contextlib
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import grpc

NOT_FOUND = (grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
TOO_MANY = (grpc.StatusCode.RESOURCE_EXHAUSTED, "Concurrent RPC limit exceeded!")
GAVE_WAY = (grpc.StatusCode.RESOURCE_EXHAUSTED, "The message of the call did not come while others waited.")

MOST_STREAMS = 128
"""Watchers of the health, and those who ask by reflection, at one time."""


@dataclass(frozen=True)
class Limits:
    """How many calls a receiver has under way."""

    together: int
    """Most calls of a method that are answered as one."""
    groups: int
    """Most of such groups that are answered at the same time."""
    workers: int
    """Threads that answer."""
    most: int
    """Calls that are worked at or wait for it; more are refused."""
    arriving: int
    """Calls whose messages have not come; beyond it the one that has waited longest gives way."""
    seconds: float
    """How long a call may take, the sending of its message included."""


class Details(NamedTuple):
    """What interceptors are told about a call, by grpcio's names."""

    method: str
    invocation_metadata: Any


class Call(abc.ABC):
    """A call from its head to its answer."""

    __slots__ = ("began", "details", "message")

    def __init__(self, details: Details) -> None:
        self.details = details
        self.began = time.perf_counter()
        self.message = b""

    @abc.abstractmethod
    def answer(self, message: bytes) -> None:
        """Sends the answer, where nobody has ended the call."""

    @abc.abstractmethod
    def refuse(self, code: grpc.StatusCode, text: str) -> None:
        """Ends the call with a status, where nobody has ended it."""


class Receiver(Protocol):
    """What receives calls and has them answered, from `start` to `stop`."""

    work: dict[str, Callable[[list[Call]], None]]
    """What answers calls of a method that came together; any other call is answered alone."""
    sending: contextlib.AbstractContextManager[Any] | threading.Lock
    """Held by who sends the answers of a group."""

    def bind(self, address: str, credentials: grpc.ServerCredentials | None) -> int:
        """Binds to an address and returns the port; raises UsageError where it cannot be taken."""

    def start(self) -> None:
        """Begins to answer; returns at once."""

    def stop(self, grace: float) -> None:
        """Takes no more calls and gives those under way `grace` seconds. Returns when all have ended."""

    def elsewhere(self, work: Callable[[], None]) -> None:
        """Does some work in another thread."""

    def asked(self) -> None:
        """Says, from the thread that answers a group, that it has asked the model: the next group may be taken."""


class Context:
    """What a plain handler is told about its call, and its way to end it."""

    def __init__(self, details: Details) -> None:
        self._metadata = tuple(details.invocation_metadata or ())
        self._code: grpc.StatusCode | None = None
        self._details: str | None = None

    def abort(self, code: grpc.StatusCode, details: str) -> None:
        """Ends the call with a status; does not return."""
        self._code, self._details = code, details
        raise Aborted(code, details)

    def code(self) -> grpc.StatusCode | None:
        """The status that the call was ended with."""
        return self._code

    def details(self) -> str | None:
        """The text that the call was ended with."""
        return self._details

    def invocation_metadata(self) -> Iterable[tuple[str, str | bytes]]:
        """What the caller sent beside the request."""
        return self._metadata


class Aborted(Exception):
    """A call that a handler has ended with a status."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self.code = code
        self.details = details
