"""Where KFP's local runner writes the artifacts of a run, and how they come to where every run has them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from stellwerk.components.parts import PARTS
from stellwerk.errors import UsageError
from stellwerk.loading import LoadedSpec
from stellwerk.pipelines.cache import linked

EXECUTOR_OUTPUT = "executor_output.json"
"""What KFP notes beside the artifacts of a task."""


def folder_of(loaded: LoadedSpec) -> Path | None:
    """Returns the folder that `cluster.pipeline_root` names, made; None where it names none.

    Raises UsageError where it cannot be made.
    """
    cluster = loaded.spec.cluster
    if cluster is None or cluster.root_here is None:
        return None
    folder = Path(os.path.abspath(loaded.directory / cluster.root_here))  # noqa: PTH100 - links stay links
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        said = f"{folder}: cannot be made: {error.strerror}. Give cluster.pipeline_root a folder that can, or leave it out."
        raise UsageError(said) from error
    return folder


@dataclass(frozen=True)
class Root:
    """Where the artifacts of one run are written: `<folder>/<what KFP calls the run>/<task>/<artifact>`."""

    folder: Path
    kept: bool
    """Whether they stay there, as they do in a pipeline root that the spec names: `<root>/<name>/<run>/<task>/<artifact>`."""

    @classmethod
    def of(cls, run: Path, named: Path | None) -> Root:
        """Returns that of a run, in a root that the spec names, or else in the run's own folder."""
        return cls(run / ".kfp", kept=False) if named is None else cls(named / run.parent.name / run.name, kept=True)

    def while_running(self, step: str, artifact: str) -> Path | None:
        """Returns where an artifact is before the end of the run; None before it is written."""
        return next(self._made(step, artifact), None)

    def _made(self, step: str, artifact: str) -> Iterator[Path]:
        """Yields artifacts of a step, those inside others too, in the place of which they are elsewhere."""
        for found in self.folder.glob(f"*/{step}/*"):
            inside = PARTS.get(found.name)
            yield from found.glob(artifact) if inside else [found] if fnmatch(found.name, artifact) else []

    def hand_over(self, run: Path, steps: Iterator[str]) -> None:
        """Puts the artifacts of the steps into the folder of a run; where they are kept here too, by hard links, or copies."""
        for part in self.folder.rglob(".*.part"):  # what a step was stopped at
            shutil.rmtree(part, ignore_errors=True) if part.is_dir() else part.unlink(missing_ok=True)
        for step in steps:
            for made in self._made(step, "*"):
                if made.name != EXECUTOR_OUTPUT:
                    linked(made, run / step / made.name) if self.kept else made.rename(run / step / made.name)
        if self.kept:
            self._tidy()
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _tidy(self) -> None:
        """Leaves of what is kept no more than the artifacts of each task."""
        for named in [each for each in self.folder.glob("*") if each.is_dir()]:
            for task in named.iterdir():
                (task / EXECUTOR_OUTPUT).unlink(missing_ok=True)
                task.rename(self.folder / task.name)
            named.rmdir()
