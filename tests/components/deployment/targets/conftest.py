"""Object stores as places to push to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stellwerk.components.deployment.targets import target
from stellwerk.components.deployment.targets.objects import ObjectTarget
from stellwerk.stores import patience


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_PAUSE", 0.001)


@dataclass
class Store:
    """A running object store with one bucket, `models`."""

    to: str
    server: Any
    _seen: ObjectTarget | None = None

    @property
    def refuse(self) -> Callable[[str, str], int | None]:
        """Method and path -> a status that the server answers at once, or None."""
        refused: Callable[[str, str], int | None] = self.server.refuse
        return refused

    @refuse.setter
    def refuse(self, refused: Callable[[str, str], int | None]) -> None:
        self.server.refuse = refused

    def at(self, name: str = "late") -> ObjectTarget:
        """The versions of a model, as a person sees them who looks in between."""
        if self._seen is None:
            found = target(self.to, Path(), name)
            assert isinstance(found, ObjectTarget)
            self._seen = found
        return self._seen

    def names(self) -> list[str]:
        """All objects of the bucket but those that push keeps for itself."""
        bucket = self.at().bucket
        return sorted(name for name in bucket.changed("") if "/.push/" not in name)

    def aside(self) -> list[str]:
        """Those that push keeps for itself."""
        return sorted(name for name in self.at().bucket.changed("") if "/.push/" in name)


@pytest.fixture
def s3(s3_store: Any) -> Store:
    return Store("s3://models/production", s3_store)


@pytest.fixture
def gcs(gcs_store: Any) -> Store:
    return Store("gs://models/production", gcs_store)


@pytest.fixture(params=["s3", "gcs"])
def store(request: pytest.FixtureRequest) -> Store:
    """Each kind of object store in turn."""
    found: Store = request.getfixturevalue(request.param)
    return found
