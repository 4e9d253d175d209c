"""What a run is compared with: statistics and models of the runs before it."""

from __future__ import annotations

import warnings
from pathlib import Path

from stellwerk.components.artifacts.folders import folder_digest
from stellwerk.components.deployment.targets import last_blessed
from stellwerk.errors import DamagedWarning
from stellwerk.loading import LoadedSpec
from stellwerk.pipelines.runs import all_runs


def previous_statistics(runs: Path, examples: str) -> Path | None:
    """Returns the Statistics of the last run that passed on other data than `examples` (a digest), for drift."""
    for run in all_runs(runs):
        if run.status == "done" and run.digest("examples") != examples:
            statistics = run.made("statistics")
            if statistics.is_dir() and _whole(statistics, run.digest("statistics")):
                return statistics
    return None


def baseline(loaded: LoadedSpec, runs: Path, trained: str, leaving: str) -> Path | None:
    """Returns the last blessed model that is not the run's own: so an unchanged run finds what it found before.

    `trained` and `leaving` are digests of that: as it was trained, and as it is pushed (with its variants, if it has any).

    It is the newest pushed one (from an object store it is downloaded once); where nothing is pushed, that of the last run
    that passed. Raises StepFailed where the place of the pushed ones cannot be read.
    """
    push = loaded.spec.push
    if push is not None:
        return last_blessed(push.to, loaded.directory, loaded.spec.name, leaving, runs / ".baselines", trained=trained)
    for run in all_runs(runs):
        if run.blessed_model() not in (trained, None):
            model = run.made("model")
            if model.is_dir() and _whole(model, run.digest("model")):
                return model
    return None


def _whole(path: Path, digest: str | None) -> bool:
    """Tells whether an artifact of an earlier run is what that run made; one that is not is passed over, with a warning."""
    if folder_digest(path) == digest:
        return True
    warnings.warn(f"{path}: not what its run made; it is compared with none.", DamagedWarning, stacklevel=3)
    return False
