"""Everything the page shows, read once from the run folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stellwerk.report.dataset import Data, read_data
from stellwerk.report.judging import (
    Blessing,
    Card,
    Evaluation,
    Pushed,
    read_blessing,
    read_card,
    read_evaluation,
    read_pushed,
)
from stellwerk.report.reading import (
    Anomaly,
    History,
    Missing,
    Run,
    read_anomalies,
    read_artifact,
    read_history,
    read_log,
    read_run,
)
from stellwerk.report.rehearsed import Rehearsal, read_rehearsal
from stellwerk.report.statistics import FeatureStatistics, read_statistics


@dataclass(frozen=True)
class Report:
    """What is known about one run; an artifact that is not there is `Missing`."""

    run: Run
    spec: str
    """The spec as it was written, or an empty string."""
    data: Data | Missing
    statistics: tuple[FeatureStatistics, ...] | Missing
    anomalies: tuple[Anomaly, ...] | Missing
    history: History | Missing
    card: Card | Missing
    evaluation: Evaluation | Missing
    blessing: Blessing | Missing
    rehearsal: Rehearsal | Missing
    pushed: Pushed | Missing
    logs: Mapping[str, str]
    """The end of the log of each step that did not pass."""

    def setting(self, *path: str) -> Any:
        """Returns a value of the spec by its path, or None where the spec does not say."""
        try:
            value = yaml.safe_load(self.spec)
        except (yaml.YAMLError, ValueError):
            return None
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value


def gather(folder: Path) -> Report:
    """Reads the run in `folder`. Raises UsageError when it is no run folder."""
    run = read_run(folder)
    spec = folder / "spec.yaml"
    logs = {
        step.name: read_log(folder / step.name / "log.txt")
        for step in run.steps
        if step.status in ("failed", "refused", "killed") or (step.status == "running" and run.status != "done")
    }
    return Report(
        run=run,
        spec=spec.read_text(encoding="utf-8", errors="replace") if spec.exists() else "",
        data=read_artifact(folder, run, "ingest", "examples", read_data),
        statistics=read_artifact(folder, run, "validate", "statistics", read_statistics),
        anomalies=read_artifact(folder, run, "validate", "anomalies", read_anomalies),
        history=read_artifact(folder, run, "train", "history", read_history),
        card=read_artifact(folder, run, "train", "model", read_card),
        evaluation=read_artifact(folder, run, "evaluate", "evaluation", read_evaluation),
        blessing=read_artifact(folder, run, "evaluate", "blessing", read_blessing),
        rehearsal=read_artifact(folder, run, "rehearse", "rehearsal", read_rehearsal),
        pushed=read_artifact(folder, run, "push", "pushed_model", read_pushed),
        logs={name: text for name, text in logs.items() if text},
    )
