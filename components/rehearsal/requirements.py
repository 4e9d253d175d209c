"""What a rehearsal requires, checked: one row and one sentence for each requirement, as in `blessing.json`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from stellwerk.components.rehearsal.comparing import Comparison
from stellwerk.components.rehearsal.measuring import Measurement
from stellwerk.section import bytes_of
from stellwerk.spec.rehearse import Rehearse


@dataclass(frozen=True)
class Check:
    """One requirement: the bound, what was reached (None: it could not be measured), and whether that is enough."""

    metric: str
    bound: Literal["min", "max"]
    required: float
    value: float | None
    ok: bool
    sentence: str

    def as_json(self) -> dict[str, Any]:
        """Returns the row as `rehearsal.json` has it."""
        return {**vars(self), "difference": None if self.value is None else self.value - self.required}


@dataclass
class Observed:
    """What a rehearsal has seen; what was not reached is None or empty."""

    model_size: int
    startup_seconds: float | None = None
    not_ready: str | None = None
    """Why the server was never ready."""
    memory: int | None = None
    comparison: Comparison | None = None
    latency: Measurement | None = None
    scaling: tuple[Measurement, ...] = ()
    requests: int = 0
    failures: tuple[str, ...] = ()
    ended: str | None = None
    """How the server ended although nobody stopped it."""

    @property
    def p99_ms(self) -> float | None:
        """The 99th percentile of the latency measurement."""
        return self.latency.quantile_ms(0.99) if self.latency else None

    @property
    def throughput(self) -> float | None:
        """The most examples a second that any number of clients got answered."""
        return max((one.throughput for one in self.scaling if one.latencies), default=None)


def check_all(settings: Rehearse, seen: Observed) -> list[Check]:
    """Checks what is always required and what the spec asks for."""
    checks = [_loads(seen)]
    if seen.startup_seconds is not None:
        checks += [_answered(seen), _equal(seen)]
    return [*checks, *_asked(settings, seen)]


def _loads(seen: Observed) -> Check:
    ok = seen.startup_seconds is not None
    sentence = f"The server was ready {seen.startup_seconds:.1f} s after its start." if ok else f"{seen.not_ready}"
    return Check("loads", "min", 1, float(ok), ok, sentence)


def _answered(seen: Observed) -> Check:
    failed = len(seen.failures)
    if seen.ended is not None:
        sentence = f"The server {seen.ended}, after it had answered {seen.requests - failed:,} requests."
    elif failed:
        sentence = f"{failed:,} of {seen.requests:,} requests were not answered; the first: {seen.failures[0]}."
    else:
        sentence = f"All {seen.requests:,} requests were answered."
    ok = not failed and seen.ended is None
    return Check("failed_requests", "max", 0, max(failed, int(not ok)), ok, sentence)


def _equal(seen: Observed) -> Check:
    compared = seen.comparison
    if compared is None or not compared.answers:
        return Check("differing_answers", "max", 0, None, False, "There was no answer to compare with the model's own.")
    if compared.differing:
        sentence = (
            f"The answer differs from that of the model called directly for {compared.differing:,} of "
            f"{compared.examples:,} examples; the first, {compared.first}. Does an answer depend on chance, or on the other "
            "rows of the request?"
        )
    else:
        sentence = f"The answers for all {compared.examples:,} examples equal those of the model called directly."
    return Check("differing_answers", "max", 0, compared.differing, not compared.differing, sentence)


def _asked(settings: Rehearse, seen: Observed) -> Iterator[Check]:
    if settings.max_p99_ms is not None:
        how = "one request after the other" if settings.rate is None else f"{settings.rate:g} requests a second"
        yield _bound("p99_ms", "max", settings.max_p99_ms, seen.p99_ms, how=f"with {how}")
    if settings.min_throughput is not None:
        most = f"examples a second with {_best(seen)} clients"
        yield _bound("throughput", "min", settings.min_throughput, seen.throughput, how=most)
    if settings.max_startup_seconds is not None:
        yield _bound("startup_seconds", "max", settings.max_startup_seconds, seen.startup_seconds)
    if settings.max_memory is not None:
        yield _bound("memory", "max", bytes_of(settings.max_memory), seen.memory, how="at its peak")
    if settings.max_model_size is not None:
        yield _bound("model_size", "max", bytes_of(settings.max_model_size), float(seen.model_size))


def _best(seen: Observed) -> int:
    return max(seen.scaling, key=lambda one: one.throughput).clients if seen.scaling else 0


def _bound(metric: str, bound: Literal["min", "max"], required: float, value: float | None, *, how: str = "") -> Check:
    words = "minimum" if bound == "min" else "maximum"
    if value is None:
        sentence = f"{metric} could not be measured, and a {words} of {_shown(metric, required)} is required."
        return Check(metric, bound, required, None, False, sentence)
    ok = value >= required if bound == "min" else value <= required
    side = "above" if value > required else "below"
    apart = f"{_shown(metric, abs(value - required))} {side} the required {words} of {_shown(metric, required)}"
    place = f" {how}" if how else ""
    remedy = "" if ok else " Make the model smaller, or the limit wider."
    sentence = f"{metric} is {_shown(metric, value)}{place}, {apart}.{remedy}"
    return Check(metric, bound, required, value, ok, sentence)


def _shown(metric: str, value: float) -> str:
    if metric not in ("memory", "model_size"):
        return f"{value:.4g}" if value < 10_000 else f"{value:,.0f}"
    for unit, size in (("G", 1e9), ("M", 1e6), ("K", 1e3)):
        if value >= size:
            return f"{value / size:.4g}{unit}"
    return f"{value:.0f} bytes"
