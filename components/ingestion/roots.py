"""Where a source's files begin: what is below says something of each, its class for one."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
from pathlib import Path

from stellwerk.components.ingestion.labels import label_of
from stellwerk.spec.data import Source
from stellwerk.spec.places import scheme_of


def roots_of(source: Source, directory: Path) -> list[str]:
    """Returns the folders that the paths of a source begin at, as `label_of` calls files, each with a slash behind; the deepest first."""
    return sorted({_root(path, directory) for path in source.paths}, key=lambda root: (-len(root), root))


def _root(path: str, directory: Path) -> str:
    if scheme_of(path) not in ("", "file"):
        return _fixed(path) if glob.has_magic(path) else f"{path.rstrip('/')}/"
    plain = path.partition("://")[2] if scheme_of(path) else path
    fixed = _fixed(plain) if glob.has_magic(plain) else plain
    called = label_of(directory / fixed, directory)
    return "" if called == "." else f"{called.rstrip('/')}/"


def _fixed(pattern: str) -> str:
    """Returns the folders in front of the first that has a wildcard."""
    parts = pattern.split("/")
    first = next(at for at, part in enumerate(parts) if glob.has_magic(part))
    return "/".join([*parts[:first], ""])


def below(label: str, roots: Sequence[str]) -> str:
    """Returns a file's path below the folder that its source begins at; its name where the source names the file itself."""
    root = next((root for root in roots if label.startswith(root)), None)
    return label.rpartition("/")[2] if root is None else label[len(root) :]


def named_below(labels: Iterable[str], roots: Sequence[str]) -> list[str]:
    """Returns `below` of each."""
    return [below(label, roots) for label in labels]
