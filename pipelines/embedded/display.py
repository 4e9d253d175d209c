"""What a person sees while a pipeline runs: live bars on a terminal, plain lines elsewhere. Always on stderr."""

from __future__ import annotations

import sys
import time
from typing import Protocol

from stellwerk.pipelines.runs import RunRecord, StepRecord

MARKS = {"done": "✓", "cached": "✓", "refused": "✗", "failed": "✗", "skipped": "-"}
COLOURS = {"done": "green", "cached": "cyan", "refused": "yellow", "failed": "red", "skipped": "dim"}


class Display(Protocol):
    """Is told what happens in a run."""

    def begin(self, record: RunRecord) -> None:
        """A run begins."""

    def started(self, step: StepRecord) -> None:
        """A step has started."""

    def progress(self, step: StepRecord, done: int, total: int | None, unit: str) -> None:
        """A step has come further."""

    def ended(self, step: StepRecord) -> None:
        """A step has ended, or was taken from the cache."""

    def end(self) -> None:
        """The run has ended, however."""


class Silent:
    """Shows nothing."""

    def begin(self, record: RunRecord) -> None:
        """Shows nothing."""

    def started(self, step: StepRecord) -> None:
        """Shows nothing."""

    def progress(self, step: StepRecord, done: int, total: int | None, unit: str) -> None:
        """Shows nothing."""

    def ended(self, step: StepRecord) -> None:
        """Shows nothing."""

    def end(self) -> None:
        """Shows nothing."""


def summary(step: StepRecord) -> str:
    """Says in a few words how a step ended: `1.2 s, 336,776 rows`."""
    words = []
    if step.status == "cached":
        words.append("unchanged, taken from the cache")
    elif step.seconds is not None:
        words.append(f"{step.seconds:.1f} s")
    if step.rows:
        words.append(f"{step.rows:,} rows")
    if step.status in ("refused", "failed", "skipped"):
        words.append(step.status)
    return ", ".join(words)


class Plain(Silent):
    """One line when a step starts and one when it ends; long steps say every ten seconds how far they are."""

    EVERY_SECONDS = 10.0

    def __init__(self) -> None:
        self._said: dict[str, float] = {}

    def begin(self, record: RunRecord) -> None:
        """Says which run begins."""
        _line(f"run {record.run} of {record.name}")

    def started(self, step: StepRecord) -> None:
        """Says that a step starts."""
        self._said[step.name] = time.monotonic()
        _line(f"  {step.name:<10} started")

    def progress(self, step: StepRecord, done: int, total: int | None, unit: str) -> None:
        """Says how far a step is, now and then."""
        if time.monotonic() - self._said[step.name] >= self.EVERY_SECONDS:
            self._said[step.name] = time.monotonic()
            of = f" of {total:,}" if total else ""
            _line(f"  {step.name:<10} {done:,}{of} {unit}")

    def ended(self, step: StepRecord) -> None:
        """Says how a step ended."""
        _line(f"  {step.name:<10} {MARKS[step.status]} {summary(step)}")


def _line(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Live(Silent):
    """Bars that move: rows done, rows a second, time left."""

    def begin(self, record: RunRecord) -> None:
        """Opens the display."""
        from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415

        console = Console(stderr=True)
        console.print(f"run [bold]{record.run}[/] of [bold]{record.name}[/]", highlight=False)
        self._bars = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.fields[step]:<10}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[far]}"),
            TimeRemainingColumn(elapsed_when_finished=False),
            console=console,
            transient=True,
        )
        self._tasks: dict[str, object] = {}
        self._began: dict[str, float] = {}
        self._bars.start()

    def started(self, step: StepRecord) -> None:
        """Adds a bar."""
        self._began[step.name] = time.monotonic()
        self._tasks[step.name] = self._bars.add_task("", total=None, step=step.name, far="")

    def progress(self, step: StepRecord, done: int, total: int | None, unit: str) -> None:
        """Moves a bar."""
        speed = done / max(time.monotonic() - self._began[step.name], 1e-3)
        of = f"/{total:,}" if total else ""
        far = f"{done:,}{of} {unit}, {speed:,.0f}/s"
        self._bars.update(self._tasks[step.name], completed=done, total=total, far=far)  # type: ignore[arg-type]

    def ended(self, step: StepRecord) -> None:
        """Turns the bar into a line that stays."""
        if step.name in self._tasks:
            self._bars.remove_task(self._tasks.pop(step.name))  # type: ignore[arg-type]
        colour = COLOURS[step.status]
        self._bars.console.print(
            f"  [{colour}]{MARKS[step.status]}[/] {step.name:<10} {summary(step)}", highlight=False
        )

    def end(self) -> None:
        """Closes the display."""
        self._bars.stop()


def for_stderr() -> Display:
    """Returns the display that suits where stderr goes."""
    return Live() if sys.stderr.isatty() else Plain()
