"""One call, and the answers of a stream, as an event loop has them."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc

from stellwerk.serving.grpc.calls import Call, Details
from stellwerk.serving.grpc.methods import message_of

Status = tuple[grpc.StatusCode, str]


class LoopCall(Call):
    """A call whose answer is a future of the loop; answers may come from any thread."""

    __slots__ = ("_tell", "ended", "outcome")

    def __init__(self, details: Details, tell: Callable[[LoopCall, bytes | Status], None]) -> None:
        super().__init__(details)
        self._tell = tell
        self.outcome: asyncio.Future[bytes | Status] = asyncio.get_running_loop().create_future()
        self.ended: Status | None = None
        """Why the waiting for its message has ended."""

    def answer(self, message: bytes) -> None:
        """Sends the answer, where nobody has ended the call."""
        self._tell(self, message)

    def refuse(self, code: grpc.StatusCode, text: str) -> None:
        """Ends the call with a status, where nobody has ended it."""
        self._tell(self, (code, text))


async def streamed(handler: Any, given: Any, context: Any) -> AsyncIterator[Any]:
    """Yields the answers of a handler; a coroutine in place of them is how a guard refuses."""
    if handler.request_streaming:
        answers = handler.stream_stream(_messages(handler, given), context)
    else:
        answers = handler.unary_stream(message_of(handler, given), context)
    if inspect.iscoroutine(answers):
        await answers
        return
    async for answer in answers:
        yield answer


async def _messages(handler: Any, given: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    async for data in given:
        yield message_of(handler, data)


def refuse(context: Any, status: Status) -> bytes:
    """Ends a call with a status. An `abort` would keep the call until Python's collector runs, and its stream with it."""
    context.set_code(status[0])
    context.set_details(status[1])
    return b""
