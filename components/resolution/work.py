"""The work of the step resolve: what the sources are, and what the run is compared with."""

from __future__ import annotations

import hashlib
import importlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from stellwerk.components.lineage.code import code_digest
from stellwerk.spec.data import Data

SOURCES = "stellwerk.components.ingestion.identity"
PUSHED = "stellwerk.components.deployment.previous_artifacts"
"""Who knows: by name, as the works of steps are called, because steps do not import each other."""


class Resolved(NamedTuple):
    """What a run goes by."""

    identity: dict[str, str]
    resolved: dict[str, str]
    previous: str
    baseline: str


def resolve(
    *,
    data: Data,
    directory: Path,
    recipe: str = "",
    epochs: int = 0,
    batch_size: int = 0,
    learning_rate: float = 0.0,
    name: str = "",
    pushed_to: str | None = None,
) -> Resolved:
    """Returns the identity of each source, digests of the data and of the training, and where what was pushed before lies.

    Two runs of the same training have the same digests, wherever and whenever they run: so a run that is repeated is not
    compared with its own model. Raises DataError for sources that cannot be read, StepFailed for a place of models that
    cannot.
    """
    identity: dict[str, str] = importlib.import_module(SOURCES).identities(data, directory)
    section = data.model_dump(mode="json", exclude={"sources"})
    of_data = _digest([identity, section])
    of_training = _digest([of_data, recipe, epochs, batch_size, learning_rate, code_digest()])
    resolved = {"data": of_data, "training": of_training}
    if not pushed_to:
        return Resolved(identity, resolved, "", "")
    found = importlib.import_module(PUSHED).earlier(pushed_to, directory, name, **resolved)
    return Resolved(identity, resolved, found.previous, found.baseline)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
