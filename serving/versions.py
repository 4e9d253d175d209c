"""Finds the version to serve in a model's base path, as TensorFlow Serving does: the highest number."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stellwerk.errors import ModelError, did_you_mean


@dataclass(frozen=True)
class Version:
    """One version of a model: its number and the folder of its SavedModel."""

    number: int
    path: Path


def newest(base: Path) -> Version:
    """Returns the version of the highest number below `base`, or `base` itself where it is a SavedModel.

    Raises ModelError when there is none.
    """
    if (base / "saved_model.pb").is_file():
        return Version(int(base.name) if base.name.isdecimal() else 1, base)
    if not base.is_dir():
        near = did_you_mean(base.name, [item.name for item in base.parent.iterdir()]) if base.parent.is_dir() else ""
        raise ModelError(f"{base}: there is no such folder.{near} Name the folder that the model was pushed to.")
    numbered = [item for item in base.iterdir() if item.name.isdecimal() and (item / "saved_model.pb").is_file()]
    if numbered:
        path = max(numbered, key=lambda item: int(item.name))
        return Version(int(path.name), path)
    inner = sorted(item.name for item in base.iterdir() if item.is_dir() and not item.name.startswith("."))
    hint = f" Did you mean {base / inner[0]}?" if len(inner) == 1 else ""
    raise ModelError(
        f"{base}: there is no model to serve: neither a saved_model.pb nor a numbered folder with one "
        f"({', '.join(inner) or 'no folders'}).{hint} Name the folder <to>/<name> that the model was pushed to."
    )


def found(base: Path) -> dict[int, Path] | None:
    """Returns the folders of all complete versions below `base` by number; None where `base` itself is not there.

    A version is complete once it has a saved_model.pb. A `base` that is a SavedModel is its own only version.
    """
    if (base / "saved_model.pb").is_file():
        return {int(base.name) if _is_number(base.name) else 1: base}
    try:
        items = list(base.iterdir())
    except OSError:
        return None
    return {int(item.name): item for item in items if _is_number(item.name) and (item / "saved_model.pb").is_file()}


def signs(path: Path) -> frozenset[tuple[str, int, int]]:
    """Returns name, size and time of every file of a version: what changes while it is still being copied."""
    try:
        files = [(file, file.stat()) for file in path.rglob("*") if file.is_file()]
    except OSError:
        return frozenset()
    return frozenset((str(file), stat.st_size, stat.st_mtime_ns) for file, stat in files)


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdecimal() and int(name) < 2**63
