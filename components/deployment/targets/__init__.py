"""Where a model can be pushed to: one module for each kind of place."""

from __future__ import annotations

import importlib
import importlib.util
import re
from pathlib import Path

from stellwerk.components.deployment.targets.base import Target
from stellwerk.errors import StepFailed

TARGETS = {
    "": "stellwerk.components.deployment.targets.folder",
    "gs": "stellwerk.components.deployment.targets.gcs",
    "s3": "stellwerk.components.deployment.targets.s3",
}
"""The scheme of `push.to` -> the module that knows such places (`target(to, directory, name)`); "" is a path."""


def missing_package(to: str) -> str | None:
    """Returns what has to be installed to push there, or None. Imports nothing."""
    return "boto3" if to.startswith("s3://") and importlib.util.find_spec("boto3") is None else None


def target(to: str, directory: Path, name: str) -> Target:
    """Returns where the versions of the model `name` are; a relative folder starts at `directory`.

    The client library of an object store is imported here and not before. Raises StepFailed for an unknown scheme, or
    where that library is not installed.
    """
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", to)
    scheme = found.group(1).lower() if found else ""
    if scheme not in TARGETS:
        raise StepFailed(f"push.to: '{to}': unknown scheme '{scheme}'. Known: a folder, gs://, s3://")
    made: Target = importlib.import_module(TARGETS[scheme]).target(to, directory, name)
    return made


def last_blessed(
    to: str, directory: Path, name: str, model_digest: str, kept: Path, *, trained: str | None = None
) -> Path | None:
    """Returns the newest pushed version that is another model than `model_digest`, or None: what a new one must beat.

    `trained` is that model's digest without its variants: the same training in other formats is no other model.

    A version in an object store is downloaded below `kept`, once. Raises StepFailed where the place cannot be read.
    """
    return target(to, directory, name).last_other_than(model_digest, kept, trained)


def last_statistics(to: str, directory: Path, name: str, examples_version: str, kept: Path) -> Path | None:
    """Returns the Statistics that were pushed with the newest version made from other data, or None, for drift.

    Those in an object store are downloaded below `kept`. Raises StepFailed where the place cannot be read.
    """
    return target(to, directory, name).statistics_of_other(examples_version, kept)
