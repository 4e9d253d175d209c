"""What a run is compared with, found where models are pushed: the last blessed model, and the statistics of other data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.artifacts.folders import folder_digest
from stellwerk.components.deployment.targets import last_blessed, last_statistics
from stellwerk.errors import StepFailed
from stellwerk.serving.runtimes.description import VARIANTS


@dataclass(frozen=True)
class Pushed:
    """Where the versions of a model are. Finding raises StepFailed where that place cannot be read."""

    to: str
    directory: Path
    """Where `to` starts, if it is relative."""
    name: str

    def previous(self, artifacts: Mapping[str, Any], kept: Path) -> Path | None:
        """Returns the Statistics that were pushed with the newest version made from other data than `examples`."""
        self._check()
        version = _examples(artifacts["examples"]).version
        return last_statistics(self.to, self.directory, self.name, version, kept)

    def baseline(self, artifacts: Mapping[str, Any], kept: Path) -> Path | None:
        """Returns the newest version that is another model than `model`."""
        self._check()
        model = Path(artifacts["model"].path)
        digest, trained = folder_digest(model), folder_digest(model, without=VARIANTS)
        return last_blessed(self.to, self.directory, self.name, digest, kept, trained=trained)

    def _check(self) -> None:
        """Raises StepFailed where a folder cannot be seen from here: that nothing is there would be no more than a guess."""
        path = Path(self.to).expanduser()
        if "://" in self.to or path.is_absolute():
            return
        if (
            not self.directory.is_dir() and not (self.directory / path).resolve().is_dir()
        ):  # ../models may be there alone
            raise StepFailed(
                f"push.to: {self.directory / path}: the folder that it starts at, {self.directory}, is not there, so what is "
                "pushed cannot be compared with. Mount its volume in this step too (cluster.volumes), or name a bucket"
            )


def _examples(given: Any) -> Examples:
    """Opens Examples that a face was given as an artifact, or as the URI where they lie."""
    return Examples.open(given if isinstance(given, str) else Path(given.path))
