"""Where a model can be pushed to: one module for each kind of place."""

from __future__ import annotations

import importlib
import importlib.util
import re
import shutil
import warnings
from pathlib import Path

from stellwerk.components.artifacts.folders import digests
from stellwerk.components.deployment.damage import damage
from stellwerk.components.deployment.targets.base import Pushed, Target
from stellwerk.components.deployment.versions import is_another
from stellwerk.errors import DamagedWarning, StepFailed

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

    A version in an object store is downloaded below `kept`, once. One that is damaged is passed over, with a DamagedWarning. Raises
    StepFailed where the place cannot be read.
    """
    there = target(to, directory, name)
    for one in there.newest_first():
        if is_another(one.provenance, model_digest, trained):
            found = _whole(there, one, kept / str(one.provenance["model_digest"]))
            if found is not None:
                return found
            warnings.warn(
                f"{one.path}: not what was pushed; nothing is compared with it.", DamagedWarning, stacklevel=2
            )
    return None


def _whole(there: Target, one: Pushed, folder: Path) -> Path | None:
    """Returns a version as a folder here, if it is what was pushed; what was downloaded before and is damaged is downloaded again."""
    for again in (True, False):
        found = there.fetch(one.path, folder)
        if not any(wrong.harmful for wrong in damage(one.provenance, digests(found))):
            return found
        if not again or found != folder:
            return None
        shutil.rmtree(folder)
    return None


def fetched(path: str, folder: Path) -> Path:
    """Returns a version, or what lies below it, as a folder here: `folder`, or the very folder that `path` names.

    Raises StepFailed where it cannot be read.
    """
    above, _, name = path.rpartition("/")[0].rpartition("/")
    return target(above, Path("/"), name).fetch(path, folder)
