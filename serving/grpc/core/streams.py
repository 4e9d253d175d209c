"""Calls that are streams, as watching the health and asking by reflection: each has a thread of its own while it lasts."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Iterator
from typing import Any

import grpc
from grpc._cython import cygrpc

from stellwerk.serving.grpc.calls import Aborted, Context, Details
from stellwerk.serving.grpc.methods import message_of

_LOG = logging.getLogger(__name__)


class StreamContext(Context):
    """What the handler of a stream is told besides: whether somebody still listens."""

    def __init__(self, details: Details, ended: threading.Event) -> None:
        super().__init__(details)
        self._ended = ended

    def is_active(self) -> bool:
        """Says whether the caller is there."""
        return not self._ended.is_set()

    def wait(self, seconds: float) -> bool:
        """Waits so long, or until the caller is gone; returns whether the caller is there."""
        return not self._ended.wait(seconds)


class Stream:
    """Reads and writes a call that is a stream. `run` returns when it is over."""

    def __init__(self, raw: Any, details: Details) -> None:
        self._raw = raw
        self._ended = threading.Event()
        self._context = StreamContext(details, self._ended)
        raw.start_server_batch((cygrpc.ReceiveCloseOnServerOperation(0),), lambda _: self._ended.set())

    def run(self, handler: Any) -> None:
        """Answers with the handler; a coroutine in place of one is run, which is how a guard refuses."""
        code, text = grpc.StatusCode.OK, ""
        try:
            self._do(cygrpc.SendInitialMetadataOperation((), 0))
            self._serve(handler)
        except Aborted as aborted:
            code, text = aborted.code, aborted.details
        except Exception:
            _LOG.exception("a stream failed")
            code, text = grpc.StatusCode.UNKNOWN, "the server could not answer this stream; its log says why."
        self._do(cygrpc.SendStatusFromServerOperation((), code.value[0], text.encode("utf-8", "replace"), 0))

    def _serve(self, handler: Any) -> None:
        requests = self._requests(handler)
        work = handler.stream_stream or handler.unary_stream or handler.stream_unary
        asked = requests if handler.request_streaming else next(requests, None)
        answers = work(asked, self._context)
        if inspect.iscoroutine(answers):
            answers = asyncio.run(answers)
        for answer in answers if handler.response_streaming else (answers,):
            if not self._do(cygrpc.SendMessageOperation(handler.response_serializer(answer), 0)).success:
                return

    def _requests(self, handler: Any) -> Iterator[Any]:
        while (message := self._do(cygrpc.ReceiveMessageOperation(0)).batch_operations[0].message()) is not None:
            yield message_of(handler, message)

    def _do(self, operation: Any) -> Any:
        done, found = threading.Event(), list[Any]()

        def tell(event: Any) -> None:
            found.append(event)
            done.set()

        self._raw.start_server_batch((operation,), tell)
        done.wait()
        return found[0]
