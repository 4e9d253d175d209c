"""Where a model can be pushed to: a folder, or a store that can be written; packages bring others."""

from __future__ import annotations

import importlib.util
import shutil
import warnings
from pathlib import Path

from stellwerk.components.artifacts.folders import digests
from stellwerk.components.deployment.damage import damage
from stellwerk.components.deployment.targets import objects
from stellwerk.components.deployment.targets.base import Pushed, Target
from stellwerk.components.deployment.targets.folder import target as folder_target
from stellwerk.components.deployment.versions import is_another
from stellwerk.errors import DamagedWarning, StepFailed
from stellwerk.spec.places import STORES, scheme_of
from stellwerk.spec.push import PUSH_TARGETS, known_places, push_schemes
from stellwerk.stores import StoreError, writable


def hindrance(to: str) -> str | None:
    """Returns why nothing can be pushed there from here, whatever its server says, as a sentence, or None. Imports no library of ours."""
    scheme = scheme_of(to)
    if scheme in STORES.plug_ins and scheme not in PUSH_TARGETS:
        try:
            writable(to)
        except StoreError as error:
            return f"{error}."
    package = getattr(STORES.load(scheme), "PACKAGE", None) if scheme in STORES else None
    if package and importlib.util.find_spec(package) is None:
        return f"needs the package {package}: pip install 'stellwerk[{STORES.load(scheme).EXTRA}]'."
    return None


def target(to: str, directory: Path, name: str) -> Target:
    """Returns where the versions of the model `name` are; a relative folder starts at `directory`.

    The client library of an object store is imported here and not before. Raises StepFailed for an unknown scheme, or
    where that library is not installed.
    """
    scheme = scheme_of(to)
    if not scheme:
        return folder_target(to, directory, name)
    if scheme not in push_schemes():
        raise StepFailed(f"push.to: '{to}': unknown scheme '{scheme}'. {known_places()}")
    module = PUSH_TARGETS.module(scheme) if scheme in PUSH_TARGETS else objects
    made: Target = module.target(to, directory, name)
    return made


def stored(place: str) -> tuple[Target, int | None]:
    """Returns the target that the URI of a model, or of a version of it, is in, and the number of that version."""
    above, _, last = place.rpartition("/")
    wanted = int(last) if last.isascii() and last.isdecimal() else None
    to, _, name = (above if wanted is not None else place).rpartition("/")
    return target(to, Path(), name), wanted


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
