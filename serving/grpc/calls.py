"""One call of gRPC: what came, and the one answer or refusal that it gets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import grpc
from grpc._cython import cygrpc

_NOTHING: tuple[Any, ...] = ()
_HEAD = cygrpc.SendInitialMetadataOperation(_NOTHING, 0)
_OK = cygrpc.SendStatusFromServerOperation(_NOTHING, cygrpc.StatusCode.ok, b"", 0)
_END = cygrpc.ReceiveCloseOnServerOperation(0)

SENT = "sent"
"""The tag of an answer that is on its way; nothing is done when it has arrived."""


class Details(NamedTuple):
    """What interceptors are told about a call, by grpcio's names."""

    method: str
    invocation_metadata: Any


class Call:
    """A call from its first byte to its answer. Whoever is first to `close` it answers it: a worker or the watch of the time."""

    __slots__ = ("_close", "began", "details", "message", "raw")

    def __init__(self, raw: Any, details: Details, close: Callable[[Call], bool]) -> None:
        """`close` takes the call from those that are open, and says whether it was among them."""
        self.raw = raw
        self.details = details
        self.began = time.perf_counter()
        self.message = b""
        self._close = close

    def answer(self, message: bytes) -> None:
        """Sends the answer, where nobody has ended the call."""
        if self._close(self):
            self.raw.start_server_batch((_HEAD, cygrpc.SendMessageOperation(message, 0), _OK, _END), SENT)

    def refuse(self, code: grpc.StatusCode, text: str) -> None:
        """Ends the call with a status, where nobody has ended it."""
        if self._close(self):
            status = cygrpc.SendStatusFromServerOperation(_NOTHING, code.value[0], text.encode("utf-8", "replace"), 0)
            self.raw.start_server_batch((_HEAD, status, _END), SENT)


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
