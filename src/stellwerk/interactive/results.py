"""What came of a run, to look at and to go on with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from stellwerk.errors import GateRefused, UsageError
from stellwerk.interactive.pages import Page, step_page, whole_page
from stellwerk.pipelines.runs import RunRecord
from stellwerk.report.fragment import run_fragment
from stellwerk.report.reading import Missing
from stellwerk.report.summary import Metrics, Summary, summarise
from stellwerk.steps import maker

if TYPE_CHECKING:
    from stellwerk.interactive.models import Model


class Result(RunRecord):
    """A run that has ended, done or refused. In a notebook it shows itself: verdict, graph, gates, metrics beside baselines.

    Everything is read from the folder of the run when it is asked for, so that a result of last month works as well:
    `Result.load(folder)`.
    """

    @classmethod
    def of(cls, record: RunRecord) -> Result:
        """Returns the result of a run that has ended."""
        return cls(**vars(record))

    @property
    def refused(self) -> bool:
        """Whether a gate said no; `error` says why."""
        return self.status == "refused"

    def check(self) -> Result:
        """Returns itself. Raises GateRefused with the gate's sentence where one said no."""
        if self.refused:
            raise GateRefused(self.error or "a gate refused")
        return self

    @property
    def metrics(self) -> Metrics:
        """Metrics on the whole test split, the main one first; empty where nothing was evaluated."""
        return dict(self._summary.metrics)

    @property
    def baselines(self) -> Mapping[str, Metrics]:
        """Metrics on the same rows of what the model is held against, by name: simple models, the last blessed one."""
        return dict(self._summary.baselines)

    @property
    def blessed(self) -> bool | None:
        """Whether the model passed its gate; None where none was judged."""
        blessing = self._summary.blessing
        return None if isinstance(blessing, Missing) else blessing.blessed

    @property
    def verdict(self) -> str:
        """What happened, and why, in a sentence or two."""
        said = self._summary.verdict
        return f"{said.headline}: {said.sentence}"

    @property
    def model(self) -> Model:
        """The model that was trained, blessed or not. Raises UsageError where there is none."""
        from stellwerk.interactive.models import Model  # noqa: PLC0415 - only where a model is wanted

        path = self.made("model")
        if not path.is_dir():
            raise UsageError(f"run {self.run} trained no model: it is {self.status}. {self.error or ''}".rstrip())
        return Model(path)

    @property
    def evaluation(self) -> Page:
        """How good the model is: metrics beside baselines, curves, every slice, importance of columns."""
        paths = {name: self.made(name) for name in ("evaluation", "blessing")}
        return step_page(maker("evaluation"), paths, self.folder)

    @property
    def statistics(self) -> Page:
        """What the data are like, column by column and split by split, and what of it is an anomaly."""
        paths = {name: self.made(name) for name in ("statistics", "anomalies")}
        return step_page(maker("statistics"), paths, self.folder)

    @property
    def report(self) -> Page:
        """The whole report; `report.path` is its file, for a tab of its own."""
        return whole_page(self.folder)

    @property
    def _summary(self) -> Summary:
        return summarise(self.folder)

    def __repr__(self) -> str:
        """Says in one line how the run ended, how good the model is, and where more is."""
        parts = [f"run {self.run} of {self.name}: {self.status}", self._summary.line(), str(_near(self.folder))]
        return f"<{'; '.join(part for part in parts if part)}>"

    def _repr_html_(self) -> str:
        return run_fragment(self.folder)


def _near(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
