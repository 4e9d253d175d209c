"""What a run is compared with, found where models are pushed: the last blessed model, and the statistics of other data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stellwerk.components.artifacts.folders import folder_digest, read_json
from stellwerk.components.deployment.targets import fetched, target
from stellwerk.components.deployment.versions import PROVENANCE, is_another, is_of_other_data, is_other_training
from stellwerk.errors import StepFailed
from stellwerk.serving.runtimes.description import VARIANTS


@dataclass(frozen=True)
class Earlier:
    """Where it lies, as a path or URI; empty where there is none."""

    baseline: str = ""
    """The newest version that came of another training: the last blessed model."""
    previous: str = ""
    """The Statistics pushed with the newest version that was made from other data."""


def earlier(to: str, directory: Path, name: str, *, data: str, training: str) -> Earlier:
    """Looks through the versions that were pushed, the newest first, for what is not of this `data` and this `training`.

    So a run that is repeated unchanged finds what it found before, though its own model has been pushed since. Raises
    StepFailed where the place cannot be read: a gate that does not know must not let through.
    """
    _check(to, directory)
    found = Earlier()
    for one in target(to, directory, name).newest_first():
        baseline = found.baseline or (one.path if is_other_training(one.provenance, training) else "")
        other = one.statistics if is_of_other_data(one.provenance, data) else None
        found = Earlier(baseline, found.previous or other or "")
        if found.baseline and found.previous:
            break
    return found


def fetched_for(argument: str, path: str, model: Path | None, folder: Path) -> Path | None:
    """Returns what `earlier` found, as a folder here; downloads go to `folder`.

    None for a baseline that is the very model to be judged, pushed by a run that did not say of what training it came.
    """
    there = fetched(path, folder)
    if argument == "baseline" and model is not None:
        digest, trained = folder_digest(model), folder_digest(model, without=VARIANTS)
        if not is_another(read_json(there / PROVENANCE), digest, trained):
            return None
    return there


def _check(to: str, directory: Path) -> None:
    """Raises StepFailed where a folder cannot be seen from here: that nothing is there would be no more than a guess."""
    path = Path(to).expanduser()
    if "://" in to or path.is_absolute():
        return
    if not directory.is_dir() and not (directory / path).resolve().is_dir():  # ../models may be there alone
        raise StepFailed(
            f"push.to: {directory / path}: the folder that it starts at, {directory}, is not there, so what is "
            "pushed cannot be compared with. Mount its volume in this step too (cluster.volumes), or name a bucket"
        )
