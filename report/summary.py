"""A run in a few numbers: what happened, how good its model is, and beside what; read from its folder without its statistics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stellwerk.report.judging import Blessing, Evaluation, Pushed, read_blessing, read_evaluation, read_pushed
from stellwerk.report.reading import Missing, Run, read_anomalies, read_made, read_run
from stellwerk.report.rehearsed import read_rehearsal
from stellwerk.report.slices import headline_metric
from stellwerk.report.verdict import Verdict, verdict
from stellwerk.report.wording import measure

MOST_METRICS = 3
"""Metrics that a line shows."""
LAST_BLESSED = "last blessed"

Metrics = Mapping[str, float | None]


@dataclass(frozen=True)
class Summary:
    """One run."""

    folder: Path
    run: Run
    verdict: Verdict
    evaluation: Evaluation | Missing
    blessing: Blessing | Missing
    pushed: Pushed | Missing
    main: str | None = None
    """The metric that matters most."""
    baselines: Mapping[str, Metrics] = field(default_factory=dict)
    """Metrics of what the model is held against on the same rows, by name: simple models, the last blessed one."""

    @property
    def metrics(self) -> Metrics:
        """Metrics on the whole test split, the most important first."""
        if isinstance(self.evaluation, Missing) or not self.evaluation.slices:
            return {}
        whole = self.evaluation.slices[0].metrics
        return {self.main: whole.get(self.main), **whole} if self.main else whole

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader should know before trusting the metrics."""
        return () if isinstance(self.evaluation, Missing) else self.evaluation.warnings

    @property
    def judgement(self) -> str:
        """What became of the model, in a word or two: `pushed 3`, `blessed`, `refused`; an empty text before it is judged."""
        if isinstance(self.blessing, Missing):
            return ""
        if not isinstance(self.pushed, Missing):
            return f"pushed {self.pushed.version}"
        return "blessed" if self.blessing.blessed else "not blessed"

    def line(self, most: int = MOST_METRICS) -> str:
        """Returns the main metrics on one line, the first beside those it is held against; an empty text without any."""
        known = [(name, value) for name, value in self.metrics.items() if value is not None][:most]
        return ", ".join(
            f"{name} {measure(value)}{self._beside(name) if name == self.main else ''}" for name, value in known
        )

    def _beside(self, metric: str) -> str:
        others = [(name, metrics.get(metric)) for name, metrics in self.baselines.items()]
        told = ", ".join(f"{name} {measure(value)}" for name, value in others if value is not None)
        return f" ({told})" if told else ""


def summarise(folder: Path) -> Summary:
    """Reads the run in `folder`. Raises UsageError when this is no run folder."""
    run = read_run(folder)
    evaluation = read_made(folder, run, "evaluation", read_evaluation)
    blessing = read_made(folder, run, "blessing", read_blessing)
    pushed = read_made(folder, run, "pushed_model", read_pushed)
    anomalies = read_made(folder, run, "anomalies", read_anomalies)
    rehearsal = read_made(folder, run, "rehearsal", read_rehearsal)
    said = verdict(run, blessing, pushed, anomalies, rehearsal)
    if isinstance(evaluation, Missing) or not evaluation.slices:
        return Summary(folder, run, said, evaluation, blessing, pushed)
    found = {**evaluation.baselines, **_last_blessed(evaluation)}
    main = evaluation.main or headline_metric(evaluation, blessing)
    return Summary(folder, run, said, evaluation, blessing, pushed, main, found)


def _last_blessed(evaluation: Evaluation) -> dict[str, Metrics]:
    before = evaluation.slices[0].baseline
    return {LAST_BLESSED: before} if before else {}
