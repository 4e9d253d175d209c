"""What a run is compared with: statistics and models of the runs before it."""

from __future__ import annotations

from pathlib import Path

from stellwerk.components.deployment.versions import newest_other_than
from stellwerk.loading import LoadedSpec
from stellwerk.pipelines.runs import all_runs


def previous_statistics(runs: Path, examples: str) -> Path | None:
    """Returns the Statistics of the last run that passed on other data than `examples` (a digest), for drift."""
    for run in all_runs(runs):
        if run.status == "done" and run.step("ingest").outputs.get("examples") != examples:
            statistics = run.artifact("validate", "statistics")
            if statistics.is_dir():
                return statistics
    return None


def baseline(loaded: LoadedSpec, runs: Path, trained: str, leaving: str) -> Path | None:
    """Returns the last blessed model that is not the run's own: so an unchanged run finds what it found before.

    `trained` and `leaving` are digests of that: as it was trained, and as it is pushed (with its variants, if it has any).

    It is the newest pushed one; where nothing is pushed, or to an object store, that of the last run that passed.
    """
    push = loaded.spec.push
    if push is not None and "://" not in push.to:
        return newest_other_than(loaded.directory / push.to / loaded.spec.name, leaving)
    for run in all_runs(runs):
        if run.blessed_model() not in (trained, None):
            trained = run.artifact("train", "model")
            if trained.is_dir():
                return trained
    return None
