"""What is seen of a run from Python: one line in the cell of a notebook, bars on a terminal, nothing in a script's log."""

from __future__ import annotations

import html
import sys
import time
from typing import Any

from stellwerk.pipelines.embedded.display import MARKS, Display, Live, Silent, summary
from stellwerk.pipelines.runs import RunRecord, StepRecord

EVERY_SECONDS = 0.2
"""How often a cell is drawn anew: each time is a message to the browser."""


def notebook() -> Any | None:
    """Returns IPython's shell where this process is the kernel of a notebook, else None; IPython is not imported for it."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell if shell is not None and hasattr(shell, "kernel") else None


def display(progress: bool | None) -> Display:
    """Returns what shows a run: by default where a person looks, a notebook or a terminal."""
    if progress is False:
        return Silent()
    if notebook() is not None:
        return Cell()
    if sys.stderr.isatty():
        return Live()
    if progress:
        from stellwerk.pipelines.embedded.display import Plain  # noqa: PLC0415 - as on the command line

        return Plain()
    return Silent()


class Witness(Silent):
    """Passes on what it is told, and remembers the record of the run, which is there also where a run ends by an error."""

    def __init__(self, inner: Display) -> None:
        self.inner = inner
        self.record: RunRecord | None = None

    def begin(self, record: RunRecord) -> None:
        """Remembers the record."""
        self.record = record
        self.inner.begin(record)

    def started(self, step: StepRecord) -> None:
        """Passes it on."""
        self.inner.started(step)

    def progress(self, step: StepRecord, done: int, total: int | None, unit: str) -> None:
        """Passes it on."""
        self.inner.progress(step, done, total, unit)

    def ended(self, step: StepRecord) -> None:
        """Passes it on."""
        self.inner.ended(step)

    def end(self) -> None:
        """Passes it on."""
        self.inner.end()


class Cell(Silent):
    """One line below a cell, written over while the run goes on: what has ended, and how far the others are."""

    def begin(self, record: RunRecord) -> None:
        """Writes the line for the first time."""
        from IPython.display import display as show  # noqa: PLC0415 - the kernel has it

        self._record, self._began, self._drawn = record, time.monotonic(), 0.0
        self._far: dict[str, str] = {}
        self._handle: Any = show(self._line(), raw=True, display_id=True)

    def started(self, step: StepRecord) -> None:
        """Says that a step starts."""
        self._far[step.name] = ""
        self._draw()

    def progress(self, step: StepRecord, done: int, total: int | None, unit: str) -> None:
        """Says how far a step is, as often as can be seen."""
        of = f"/{total:,}" if total else ""
        self._far[step.name] = f"{done:,}{of} {unit}"
        if time.monotonic() - self._drawn >= EVERY_SECONDS:
            self._draw()

    def ended(self, step: StepRecord) -> None:
        """Says how a step ended."""
        self._far.pop(step.name, None)
        if step.status != "skipped":
            self._draw()

    def end(self) -> None:
        """Leaves how long it took, and how it ended."""
        self._draw()

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        self._handle.update(self._line(), raw=True)

    def _line(self) -> dict[str, str]:
        text = f"{self._record.name}  {'  '.join(self._words())}"
        style = "font-family: ui-monospace, Menlo, Consolas, monospace; font-size: 12.5px; white-space: pre-wrap"
        return {"text/html": f'<div style="{style}">{html.escape(text)}</div>', "text/plain": text}

    def _words(self) -> list[str]:
        if self._record.status != "running":
            took = f"{time.monotonic() - self._began:.1f} s"
            return [f"{MARKS.get(self._record.status, '✗')} {self._record.status} in {took}", f"run {self._record.run}"]
        ended = [step for step in self._record.steps if step.status in MARKS]
        words = [f"{MARKS[step.status]} {step.name}" for step in ended[:-1]]
        words += [f"{MARKS[step.status]} {step.name} {_short(step)}".rstrip() for step in ended[-1:]]
        return [*words, *(f"▸ {name} {far}".rstrip() for name, far in self._far.items())]


def _short(step: StepRecord) -> str:
    return "cached" if step.status == "cached" else summary(step).partition(",")[0]
