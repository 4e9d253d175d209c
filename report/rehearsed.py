"""Reads what a rehearsal says: what was required of a server on the model, and what was seen of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from stellwerk.report.files import read_json
from stellwerk.report.judging import Requirement


@dataclass(frozen=True)
class Asked:
    """One measurement: so many clients asked at the same time, or requests were sent at a rate."""

    clients: int
    requests: int
    failed: int
    throughput: float
    """Examples answered in a second."""
    p50_ms: float | None = None
    p99_ms: float | None = None
    rate: float | None = None
    """Requests a second; None: as fast as they were answered."""


@dataclass(frozen=True)
class Compared:
    """How many examples the server answered as the model itself does."""

    examples: int
    differing: int


@dataclass(frozen=True)
class Measurements:
    """What was measured once; None where the server did not get so far."""

    model_size: int
    startup_seconds: float | None = None
    memory: int | None = None
    latency: Asked | None = None
    compared: Compared | None = None


@dataclass(frozen=True)
class Rehearsal:
    """The Rehearsal artifact."""

    rehearsed: bool
    passed: bool
    requirements: tuple[Requirement, ...] = ()
    server: str = ""
    api: str = ""
    batch_size: int = 1
    measurements: Measurements | None = None
    scaling: tuple[Asked, ...] = field(default=())

    @property
    def refused(self) -> tuple[Requirement, ...]:
        """The requirements that are not met."""
        return tuple(entry for entry in self.requirements if not entry.ok)


def read_rehearsal(path: Path) -> Rehearsal:
    """Reads the Rehearsal artifact in `path`."""
    said: Mapping[str, object] = read_json(path / "rehearsal.json")
    return TypeAdapter(Rehearsal).validate_python(said)
