"""Pages of the report in the cell of a notebook."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from stellwerk.report import write_report
from stellwerk.report.comparing import Comparison, as_text, compare
from stellwerk.report.comparison_page import comparison_page
from stellwerk.report.fragment import framed
from stellwerk.report.steps import shown


@dataclass(frozen=True)
class Page:
    """A page that shows itself in a notebook: in a frame, as a whole, without anything from the internet."""

    title: str
    html: str = field(repr=False)
    """The whole document."""
    path: Path | None = None
    """The file that holds the page, where there is one."""

    def save(self, path: str | Path) -> Path:
        """Writes the page into a file, and returns its path."""
        target = Path(path)
        target.write_text(self.html, encoding="utf-8", errors="replace")
        return target

    def __repr__(self) -> str:
        """Says what the page is of, where nothing shows it."""
        return f"<{self.title}{f', {self.path}' if self.path else ''}; in a notebook it shows itself, save() writes it>"

    def _repr_html_(self) -> str:
        return framed(self.html, self.title)


def step_page(step: str, paths: Mapping[str, Path], run: Path) -> Page:
    """Returns what a step shows on the dashboard, of the artifacts at `paths`."""
    found = shown(step, paths, _section(run, step))
    return Page(f"{step} of run {run.name}", found.page if found else "")


def _section(run: Path, step: str) -> Mapping[str, Any]:
    """What the spec of a run says of a step; nothing where it cannot be read."""
    try:
        spec = yaml.safe_load((run / "spec.yaml").read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, ValueError):
        return {}
    section = spec.get(step) if isinstance(spec, Mapping) else None
    return section if isinstance(section, Mapping) else {}


def whole_page(run: Path) -> Page:
    """Returns the report of a run; it is written where it is missing."""
    path = run / "report.html"
    if not path.exists():
        write_report(run)
    return Page(f"report of run {run.name}", path.read_text(encoding="utf-8"), path)


@dataclass(frozen=True)
class Compared:
    """Two runs side by side; `found` has the numbers, a notebook shows the page, `print` the table."""

    found: Comparison
    draw: Callable[[Comparison], str] = field(default=comparison_page, repr=False)

    @property
    def metrics(self) -> dict[str, tuple[float | None, float | None]]:
        """Every metric of the first and of the second run."""
        return {change.metric: (change.before, change.after) for change in self.found.metrics}

    @property
    def page(self) -> Page:
        """The comparison as a page, to `save`."""
        return Page("comparison of two runs", self.draw(self.found))

    def __repr__(self) -> str:
        """Returns the comparison as a table of text."""
        return as_text(self.found)

    def _repr_html_(self) -> str:
        return self.page._repr_html_()


def compared(first: Path, second: Path) -> Compared:
    """Returns two runs side by side, by their folders."""
    return Compared(compare(first, second))
