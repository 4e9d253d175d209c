"""`stellwerk.runs` and `stellwerk.compare`: what ran, and two of them side by side."""

from __future__ import annotations

from pathlib import Path

from stellwerk.errors import UsageError
from stellwerk.interactive.pages import Compared, compared
from stellwerk.interactive.results import Result
from stellwerk.interactive.specs import AnySpec, loaded
from stellwerk.pipelines.runs import RunRecord, all_runs, runs_of, sweep
from stellwerk.report.fragment import runs_fragment

AnyRun = RunRecord | str | Path


class Runs(list[Result]):
    """Runs of a pipeline, newest first; a notebook shows them as a table."""

    def __repr__(self) -> str:
        """Returns a line for each."""
        return "\n".join(map(repr, self)) or "no runs yet"

    def _repr_html_(self) -> str:
        return runs_fragment([run.folder for run in self])


def runs(spec: AnySpec, number: int = 20) -> Runs:
    """Returns the newest runs of a pipeline, the last one first."""
    wanted = loaded(spec)
    folder = runs_of(wanted.directory, wanted.spec.name)
    sweep(folder)
    return Runs(Result.of(record) for record, _ in zip(all_runs(folder), range(number), strict=False))


def compare(first: AnyRun, second: AnyRun) -> Compared:
    """Returns two runs side by side: what is different in spec, data and libraries, and what that did to the metrics.

    A run is a result of `run`, or the folder of one. `print` shows a table, a notebook a page, and `.metrics` has the numbers.
    """
    return compared(_folder(first), _folder(second))


def _folder(run: AnyRun) -> Path:
    folder = run.folder if isinstance(run, RunRecord) else Path(run)
    if not (folder / "run.json").is_file():
        raise UsageError(f"{folder}: is not the folder of a run. `stellwerk.runs(spec)` has the runs of a pipeline.")
    return folder
