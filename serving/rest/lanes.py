"""Who answers: requests that can be answered as one wait in a lane until a thread takes them all; any other has its own at once.

A lane is worked at by as many threads as the model is asked by at the same time. What comes meanwhile waits, and is the next
group: the more there is to do, the more is done at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from stellwerk.serving.rest.connection import Connection
from stellwerk.serving.rest.messages import Request, Response

_LOG = logging.getLogger(__name__)


class Exchange(NamedTuple):
    """A request that is at work; `held` is the room in memory that its body takes beyond what is not counted."""

    connection: Connection
    number: int
    request: Request
    held: int


class Together(Protocol):
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


@dataclass
class _Lane:
    waiting: list[Exchange] = field(default_factory=list)
    running: int = 0


Post = Callable[[Hashable | None, Sequence[tuple[Exchange, Response]]], None]
"""Takes the answers of a group of a kind, or of a request alone; called from any thread."""


class Lanes:
    """Has requests answered by threads. All but the answering is called from one thread."""

    def __init__(
        self, answer: Callable[[Request], Response], together: Together | None, post: Post, threads: int
    ) -> None:
        self._answer = answer
        self._together = together
        self._post = post
        self._lanes: dict[Hashable, _Lane] = {}
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="http-answer")

    def begin(self, exchange: Exchange) -> None:
        """Takes a request; one of a lane waits for `go`."""
        together = self._together
        kind = None if together is None else together.kind(exchange.request)
        if together is None or kind is None:
            self._pool.submit(self._alone, exchange)
            return
        lane = self._lanes.get(kind)
        if lane is None:
            lane = self._lanes[kind] = _Lane()
        if len(lane.waiting) >= together.waiting:
            self._post(None, [(exchange, together.refuse(exchange.request))])
        else:
            lane.waiting.append(exchange)

    def go(self) -> None:
        """Lets threads take what waits."""
        if self._together is None:
            return
        for kind, lane in list(self._lanes.items()):
            while lane.waiting and lane.running < self._together.running:
                group = lane.waiting[: self._together.most]
                del lane.waiting[: len(group)]
                lane.running += 1
                self._pool.submit(self._group, self._together, kind, group)
            if not lane.running:
                del self._lanes[kind]

    def finished(self, kind: Hashable | None) -> None:
        """Notes that a group of a kind is answered."""
        if kind is not None:
            self._lanes[kind].running -= 1

    def stop(self) -> None:
        """Begins nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _alone(self, exchange: Exchange) -> None:
        self._post(None, [(exchange, self._answer(exchange.request))])

    def _group(self, together: Together, kind: Hashable, group: Sequence[Exchange]) -> None:
        answers = together.answer([exchange.request for exchange in group])
        self._post(kind, list(zip(group, answers, strict=True)))
