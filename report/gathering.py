"""Everything a page shows, read once from the artifacts of a run, wherever they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

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
    Repeated,
    Run,
    read_anomalies,
    read_artifact,
    read_history,
    read_log,
    read_repeated,
    read_run,
)
from stellwerk.report.rehearsed import Rehearsal, read_rehearsal
from stellwerk.report.statistics import FeatureStatistics, read_statistics
from stellwerk.steps import maker

T = TypeVar("T")


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
    settings: Mapping[str, Any]
    """What the spec says, section by section, as far as it can be read."""
    repeated: tuple[Repeated, ...] | Missing = ()
    """Of pictures, how many are in several splits."""

    def setting(self, *path: str) -> Any:
        """Returns a value of the spec by its path, or None where the spec does not say."""
        value: Any = self.settings
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value


SHOWN = (
    "examples",
    "statistics",
    "anomalies",
    "history",
    "model",
    "evaluation",
    "blessing",
    "rehearsal",
    "pushed_model",
)
MAKERS = {artifact: maker(artifact) for artifact in SHOWN}
"""Which step makes each artifact that is shown."""


def gather(folder: Path) -> Report:
    """Reads the run in `folder`. Raises UsageError when it is no run folder."""
    run = read_run(folder)
    spec = folder / "spec.yaml"
    text = spec.read_text(encoding="utf-8", errors="replace") if spec.exists() else ""
    logs = {
        step.name: read_log(folder / step.name / "log.txt")
        for step in run.steps
        if step.status in ("failed", "refused", "killed") or (step.status == "running" and run.status != "done")
    }
    paths = {artifact: folder / step / artifact for artifact, step in MAKERS.items()}
    return collect(run, paths, spec=text, logs={name: end for name, end in logs.items() if end})


def collect(
    run: Run,
    paths: Mapping[str, Path],
    *,
    spec: str = "",
    settings: Mapping[str, Any] | None = None,
    logs: Mapping[str, str] | None = None,
) -> Report:
    """Reads artifacts from their `paths`; one that has none, or is not there, is Missing.

    `settings` stands for the text of the spec where that is not at hand.
    """

    def of(artifact: str, read: Callable[[Path], T]) -> T | Missing:
        return read_artifact(paths.get(artifact), run, MAKERS[artifact], artifact, read)

    return Report(
        run=run,
        spec=spec,
        data=of("examples", read_data),
        statistics=of("statistics", read_statistics),
        anomalies=of("anomalies", read_anomalies),
        repeated=of("anomalies", read_repeated),
        history=of("history", read_history),
        card=of("model", read_card),
        evaluation=of("evaluation", read_evaluation),
        blessing=of("blessing", read_blessing),
        rehearsal=of("rehearsal", read_rehearsal),
        pushed=of("pushed_model", read_pushed),
        logs=logs or {},
        settings=settings if settings is not None else _sections(spec),
    )


def _sections(spec: str) -> Mapping[str, Any]:
    try:
        value = yaml.safe_load(spec)
    except (yaml.YAMLError, ValueError):
        return {}
    return value if isinstance(value, Mapping) else {}
