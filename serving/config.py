"""Which models a server serves: their base paths, which of their versions, and the labels of versions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class VersionPolicy:
    """Which of the versions in a base path are served: the newest `latest`, the `specific` ones, or (both empty) all."""

    latest: int = 1
    specific: tuple[int, ...] = ()

    def choose(self, numbers: Collection[int]) -> list[int]:
        """Returns the versions to serve of those that are there, the newest first."""
        if self.specific:
            return sorted(set(self.specific).intersection(numbers), reverse=True)
        newest = sorted(numbers, reverse=True)
        return newest[: self.latest] if self.latest else newest


LATEST = VersionPolicy()
"""The newest version: TensorFlow Serving's default."""

ALL = VersionPolicy(latest=0)
"""Every version that is there."""


@dataclass(frozen=True)
class ModelConfig:
    """One model: its name in requests, the folder of its version folders, the versions to serve, labels of versions."""

    name: str
    base_path: Path
    policy: VersionPolicy = LATEST
    labels: Mapping[str, int] = field(default_factory=dict)
