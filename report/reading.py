"""Reads a run folder into frozen values. What is not there becomes `Missing`, with the reason in one sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import TypeAdapter

from stellwerk.errors import UsageError
from stellwerk.report.files import read_json
from stellwerk.steps import maker, path_of

T = TypeVar("T")
Status = Literal["done", "cached", "refused", "failed", "skipped", "running", "waiting", "killed"]

LOG_BYTES = 12_000
LOG_LINES = 60
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True)
class Missing:
    """Stands for an artifact that cannot be shown."""

    why: str
    """One sentence for the reader of the page."""


@dataclass(frozen=True)
class Step:
    """What `run.json` says about one step."""

    name: str
    after: tuple[str, ...] = ()
    status: Status = "waiting"
    started: float | None = None
    """Seconds since the run began."""
    waited: float | None = None
    """Seconds from there until the libraries of the step were loaded."""
    seconds: float | None = None
    """Seconds of the step itself, without `waited`."""
    peak_memory: int | None = None
    """Bytes."""
    key: str | None = None
    cached_from: str | None = None
    error: str | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Digest of each input artifact."""
    outputs: Mapping[str, str] = field(default_factory=dict)
    """Digest of each output artifact."""
    rows: int | None = None

    @property
    def ended(self) -> float | None:
        """Seconds from the beginning of the run to the end of the step; to its start while that is all that is known."""
        return None if self.started is None else self.started + (self.waited or 0.0) + (self.seconds or 0.0)


@dataclass(frozen=True)
class Run:
    """What `run.json` says about the run."""

    run: str
    name: str
    status: Literal["running", "done", "refused", "failed", "killed"]
    spec: str = ""
    started: datetime | None = None
    finished: datetime | None = None
    exit_code: int | None = None
    error: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()

    @property
    def seconds(self) -> float | None:
        """How long the run took, or None while it is not finished.

        The steps know fractions of a second, the run's own times do not.
        """
        ends = [step.ended for step in self.steps if step.ended is not None]
        if ends and self.finished is not None:
            return max(ends)
        if self.started is not None and self.finished is not None:
            return (self.finished - self.started).total_seconds()
        return None

    def step(self, name: str) -> Step | None:
        """Returns the step called `name`, or None."""
        return next((step for step in self.steps if step.name == name), None)

    def without(self, name: str) -> str:
        """Returns one sentence that says why nothing of step `name` can be shown."""
        step = self.step(name)
        if step is None:
            return f"This pipeline has no {name} step."
        reasons = {
            "waiting": f"The {name} step has not started.",
            "running": f"The {name} step {'is still running' if self.status == 'running' else 'was stopped'}.",
            "skipped": f"The {name} step was skipped because an earlier step did not pass.",
            "failed": f"The {name} step failed before it wrote this.",
            "killed": f"The {name} step was stopped before it wrote this.",
        }
        return reasons.get(step.status, f"The {name} step left no such file in the run folder.")


def read_run(folder: Path) -> Run:
    """Reads `run.json` of the run in `folder`. Raises UsageError when this is no run folder."""
    try:
        return TypeAdapter(Run).validate_python(read_json(folder / "run.json"))
    except (OSError, ValueError) as error:
        reason = "there is no run.json in it" if isinstance(error, FileNotFoundError) else f"run.json: {error}"
        raise UsageError(f"{folder} is not a run folder: {reason}. Give a folder runs/<name>/<run>.") from error


def read_artifact(path: Path | None, run: Run, step: str, artifact: str, read: Callable[[Path], T]) -> T | Missing:
    """Returns what `read` makes of the artifact of `step` at `path`, or `Missing` when it is absent or damaged."""
    if path is None or not path.exists():
        return Missing(run.without(step))
    try:
        return read(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        first = str(error).strip().splitlines()
        return Missing(f"{step}/{artifact} cannot be read: {first[0] if first else type(error).__name__}.")


def read_made(folder: Path, run: Run, artifact: str, read: Callable[[Path], T]) -> T | Missing:
    """Returns what `read` makes of an artifact in the folder of its run, whichever step makes it, see `read_artifact`."""
    return read_artifact(folder / path_of(artifact), run, maker(artifact), artifact, read)


@dataclass(frozen=True)
class Anomaly:
    """One row of the data gate's table."""

    split: str
    column: str | None
    """None for the split as a whole."""
    kind: str
    what: str
    examples: int | None = None
    share: float | None = None
    fix: str | None = None
    line: int | None = None


def read_anomalies(path: Path) -> tuple[Anomaly, ...]:
    """Reads the Anomalies artifact in `path`."""
    rows = read_json(path / "anomalies.json")["anomalies"]
    return TypeAdapter(tuple[Anomaly, ...]).validate_python(rows)


@dataclass(frozen=True)
class Repeated:
    """Pictures of a column in a split, and how many of them earlier splits have too."""

    column: str
    split: str
    rows: int
    equal: int
    alike: int
    blank: int


def read_repeated(path: Path) -> tuple[Repeated, ...]:
    """Reads what the Anomalies artifact in `path` says of media; nothing where there are none."""
    return TypeAdapter(tuple[Repeated, ...]).validate_python(read_json(path / "anomalies.json").get("media", ()))


@dataclass(frozen=True)
class Curve:
    """One quantity over the epochs of training, for the train and the eval split."""

    metric: str
    train: tuple[float | None, ...]
    eval: tuple[float | None, ...]


@dataclass(frozen=True)
class Mixture:
    """What was exported: the network of the best epoch mixed with the linear baseline."""

    linear_share: float
    measures: dict[str, float]
    """On the eval split, by metric."""


@dataclass(frozen=True)
class History:
    """The History artifact."""

    epochs: int
    seconds: float | None
    """All epochs together."""
    rows_per_second: float | None
    """Of the epoch in the middle, which neither warming up nor stopping disturbs."""
    parameters: int | None
    best_epoch: int | None
    stopped_early: bool
    resumed_from_epoch: int | None
    curves: tuple[Curve, ...]
    """Loss first."""
    mixed: Mixture | None = None


NOT_MEASURED = ("epoch", "seconds", "rows_per_second", "learning_rate")


def read_history(path: Path) -> History:
    """Reads the History artifact in `path`: one entry an epoch, `eval_` before what was measured on the eval split."""
    facts = read_json(path / "history.json")
    epochs = facts["epochs"]
    names = [name for name in dict.fromkeys(name for epoch in epochs for name in epoch) if name not in NOT_MEASURED]
    plain = sorted(dict.fromkeys(name.removeprefix("eval_") for name in names), key=lambda name: name != "loss")
    seconds = [epoch["seconds"] for epoch in epochs if epoch.get("seconds") is not None]
    rates = sorted(epoch["rows_per_second"] for epoch in epochs if epoch.get("rows_per_second") is not None)
    return History(
        epochs=len(epochs),
        seconds=sum(seconds) if seconds else None,
        rows_per_second=rates[len(rates) // 2] if rates else None,
        parameters=facts.get("parameters"),
        best_epoch=facts.get("best_epoch"),
        stopped_early=bool(facts.get("stopped_early")),
        resumed_from_epoch=facts.get("resumed_from_epoch"),
        curves=tuple(Curve(name, _series(epochs, name), _series(epochs, f"eval_{name}")) for name in plain),
        mixed=_mixture(facts.get("mixed")),
    )


def _mixture(facts: dict[str, float] | None) -> Mixture | None:
    if facts is None:
        return None
    measures = {name.removeprefix("eval_"): value for name, value in facts.items() if name.startswith("eval_")}
    return Mixture(facts["linear_share"], measures)


def _series(epochs: list[dict[str, Any]], name: str) -> tuple[float | None, ...]:
    if not any(name in epoch for epoch in epochs):
        return ()
    return tuple(None if epoch.get(name) is None else float(epoch[name]) for epoch in epochs)


def read_log(path: Path) -> str:
    """Returns the end of a step's log, without terminal colours, or an empty string when there is none."""
    try:
        with path.open("rb") as file:
            start = max(0, file.seek(0, 2) - LOG_BYTES)
            file.seek(start)
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    lines = ESCAPES.sub("", text).splitlines()
    return "\n".join(lines[1 if start else 0 :][-LOG_LINES:])
