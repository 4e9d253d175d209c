"""One call as gRPC's C core hands it over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
from grpc._cython import cygrpc

from stellwerk.serving.grpc.calls import Call, Details

_NOTHING: tuple[Any, ...] = ()
_HEAD = cygrpc.SendInitialMetadataOperation(_NOTHING, 0)
_OK = cygrpc.SendStatusFromServerOperation(_NOTHING, cygrpc.StatusCode.ok, b"", 0)
_END = cygrpc.ReceiveCloseOnServerOperation(0)

SENT = "sent"
"""The tag of an answer that is on its way; nothing is done when it has arrived."""


class CoreCall(Call):
    """A call from its first byte to its answer. Whoever is first to `close` it answers it: a worker or the watch of the time."""

    __slots__ = ("_close", "raw")

    def __init__(self, raw: Any, details: Details, close: Callable[[CoreCall], bool]) -> None:
        """`close` takes the call from those that are open, and says whether it was among them."""
        super().__init__(details)
        self.raw = raw
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
