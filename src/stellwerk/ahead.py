"""Works ahead in a thread, a few items and no more, so that making and using them overlap in bounded memory."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

_POLL_S = 0.1


@contextlib.contextmanager
def read_ahead(items: Iterable[T], depth: int) -> Iterator[Iterator[T]]:
    """Gives an iterator over `items` that are made in a thread, at most `depth` before they are wanted.

    What the making raises is raised where the items are used. The thread has ended when the block has.
    """
    made: queue.Queue[T | BaseException | None] = queue.Queue(depth)
    ended = threading.Event()

    def put(item: T | BaseException | None) -> bool:
        while not ended.is_set():
            with contextlib.suppress(queue.Full):
                made.put(item, timeout=_POLL_S)
                return True
        return False

    def make() -> None:
        try:
            for item in items:
                if not put(item):
                    return
        except BaseException as error:
            put(error)
        put(None)

    def taken() -> Iterator[T]:
        while (item := made.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    thread = threading.Thread(target=make, daemon=True, name="read-ahead")
    thread.start()
    try:
        yield taken()
    finally:
        ended.set()
        thread.join()
