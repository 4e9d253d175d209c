"""Asks a server as fast as it answers, or at a fixed rate, and takes the time of every answer."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stellwerk.serving.client.base import Client, Unanswered

RATE_CLIENTS = 32
"""Connections that share the requests of a fixed rate."""


@dataclass
class Measurement:
    """What was seen while a number of clients asked."""

    clients: int
    batch_size: int
    rate: float | None = None
    """Requests a second that were to be sent; None: as fast as they were answered."""
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    """Seconds that each answered request took; at a rate, from the moment when it was due."""
    failures: list[str] = field(default_factory=list)
    """What went wrong with each request that was not answered."""
    answers: dict[int, bytes] = field(default_factory=dict)
    """Bodies by the number of the request, where they are kept."""

    @property
    def throughput(self) -> float:
        """Examples answered in a second."""
        return len(self.latencies) * self.batch_size / self.seconds if self.seconds else 0.0

    def quantile_ms(self, quantile: float) -> float | None:
        """Returns a quantile of the latencies in milliseconds; None where nothing was answered."""
        return float(np.quantile(self.latencies, quantile)) * 1000 if self.latencies else None

    def as_json(self) -> dict[str, Any]:
        """Returns the figures as `rehearsal.json` has them."""
        return {
            "clients": self.clients,
            "rate": self.rate,
            "requests": len(self.latencies) + len(self.failures),
            "failed": len(self.failures),
            "seconds": self.seconds,
            "throughput": self.throughput,
            "p50_ms": self.quantile_ms(0.5),
            "p99_ms": self.quantile_ms(0.99),
        }


@dataclass(frozen=True)
class Load:
    """What is asked in one measurement: requests one after the other from the first, until there were `count` or time is up."""

    bodies: Sequence[bytes]
    batch_size: int
    count: int
    seconds: float


def measure(
    connect: Callable[[], Client], load: Load, *, clients: int, rate: float | None = None, keep: bool = False
) -> Measurement:
    """Asks a server with so many clients at the same time; at a `rate`, requests are sent when they are due.

    At a rate, a server that does not keep up makes requests wait, and their waiting is part of their latency. A client whose
    connection breaks stops; the others go on.
    """
    measured = Measurement(clients, load.batch_size, rate)
    asking = _Asking(load, measured, rate, keep)
    started = threading.Barrier(clients, action=asking.begin)
    threads = [threading.Thread(target=asking.client, args=(connect, started), daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    measured.seconds = time.perf_counter() - asking.began
    return measured


class _Asking:
    """The state that the clients of one measurement share; lists and counters are safe to share between threads."""

    def __init__(self, load: Load, measured: Measurement, rate: float | None, keep: bool) -> None:
        self.load, self.measured, self.rate, self.keep = load, measured, rate, keep
        self.numbers = itertools.count()
        self.began = 0.0

    def begin(self) -> None:
        """Starts the clock, when all clients are connected."""
        self.began = time.perf_counter()

    def client(self, connect: Callable[[], Client], started: threading.Barrier) -> None:
        """Asks until there is nothing more to ask."""
        with closing(connect()) as client:
            try:
                client.connect()
            except Unanswered as failed:
                self.measured.failures.append(str(failed))
                started.wait()
                return
            started.wait()
            while (due := self._due(number := next(self.numbers))) is not None:
                if not self._ask(client, number, due):
                    return

    def _due(self, number: int) -> float | None:
        """Returns when a request is to be sent, or None when it is not to be sent any more."""
        now, elapsed = time.perf_counter(), time.perf_counter() - self.began
        if number >= self.load.count:
            return None
        if self.rate is None:
            return now if not number or elapsed < self.load.seconds else None
        due = number / self.rate
        # Requests that were due in time are still sent when the server lags, but not forever.
        if number and (due >= self.load.seconds or elapsed >= 2 * self.load.seconds):
            return None
        return self.began + due

    def _ask(self, client: Client, number: int, due: float) -> bool:
        """Sends one request when it is due; returns whether this client may send another."""
        time.sleep(max(0.0, due - time.perf_counter()))
        place = number % len(self.load.bodies)
        try:
            answer = client.ask(self.load.bodies[place])
        except Unanswered as failed:
            self.measured.failures.append(str(failed))
            return not failed.broken
        self.measured.latencies.append(time.perf_counter() - due)
        if self.keep:
            self.measured.answers[place] = answer
        return True
