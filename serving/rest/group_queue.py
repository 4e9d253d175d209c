"""Who answers: requests that can be answered as one wait in a queue until a thread takes them all; any other has its own at once.

A queue is worked at by as many threads as the model is asked by at the same time. What comes meanwhile waits, and is the next
group: the more there is to do, the more is done at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from stellwerk.serving.rest.messages import Request, Response


class Grouping(Protocol):
    """What answers requests as one."""

    most: int
    """Most requests at once."""
    running: int
    """How many groups of a kind are answered at the same time."""
    waiting: int
    """Most requests of a kind that wait; more are refused."""

    def kind(self, request: Request) -> Hashable | None:
        """Says which others a request can be answered with: those of an equal kind; None where it is answered alone."""

    def answer(self, requests: Sequence[Request]) -> Sequence[Response]:
        """Answers requests of one kind; never raises."""

    def refuse(self, request: Request) -> Response:
        """Refuses one of too many."""


class _Asked(NamedTuple):
    request: Request
    answer: asyncio.Future[Response]


@dataclass
class _Queue:
    waiting: list[_Asked] = field(default_factory=list)
    running: int = 0


class GroupQueues:
    """Has requests answered by threads. Made, and called, on the event loop; an answer is there once its future has it."""

    def __init__(self, answer: Callable[[Request], Response], together: Grouping | None, threads: int) -> None:
        self._answer = answer
        self._together = together
        self._queues: dict[Hashable, _Queue] = {}
        self._loop = asyncio.get_running_loop()
        self._soon = False
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="http-answer")

    def begin(self, request: Request) -> asyncio.Future[Response]:
        """Takes a request; one of a queue is taken with what else comes in this turn of the loop."""
        asked = _Asked(request, self._loop.create_future())
        together = self._together
        kind = None if together is None else together.kind(request)
        if together is None or kind is None:
            self._pool.submit(self._alone, asked)
            return asked.answer
        queue = self._queues.setdefault(kind, _Queue())
        if len(queue.waiting) >= together.waiting:
            asked.answer.set_result(together.refuse(request))
        else:
            queue.waiting.append(asked)
            if not self._soon:
                self._soon = True
                self._loop.call_soon(self._go, together)
        return asked.answer

    def stop(self) -> None:
        """Begins nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _go(self, together: Grouping) -> None:
        """Lets threads take what waits."""
        self._soon = False
        for kind, queue in list(self._queues.items()):
            while queue.waiting and queue.running < together.running:
                group = queue.waiting[: together.most]
                del queue.waiting[: len(group)]
                queue.running += 1
                self._pool.submit(self._group, together, kind, group)
            if not queue.running:
                del self._queues[kind]

    def _alone(self, asked: _Asked) -> None:
        self._tell(_give, [(asked, self._answer(asked.request))])

    def _group(self, together: Grouping, kind: Hashable, group: Sequence[_Asked]) -> None:
        answers = together.answer([asked.request for asked in group])
        self._tell(self._finished, together, kind, list(zip(group, answers, strict=True)))

    def _finished(self, together: Grouping, kind: Hashable, answered: Sequence[tuple[_Asked, Response]]) -> None:
        self._queues[kind].running -= 1
        self._go(together)
        _give(answered)

    def _tell(self, what: Callable[..., None], *arguments: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(what, *arguments)


def _give(answered: Sequence[tuple[_Asked, Response]]) -> None:
    """Gives answers to those who still wait; others were told that it takes too long."""
    for asked, response in answered:
        if not asked.answer.done():
            asked.answer.set_result(response)
