"""What of this machine a container sees: the folders of the data, read-only, and the folder of the pushed models."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from stellwerk.components.ingestion.files import origins
from stellwerk.errors import UsageError
from stellwerk.loading import LoadedSpec
from stellwerk.loading.files import weights
from stellwerk.spec.places import is_here

Mounts = dict[str, dict[str, str]]
"""Folder of this machine -> where it is inside, and whether it can be written there; docker's own form."""


def mounts(loaded: LoadedSpec) -> Mounts:
    """Returns the folders that the steps of a spec need, each at its own path, so that the spec's paths mean the same inside.

    The folder of pushed models is made, as only what exists can be mounted. What lies in a store or on the web needs none.
    """
    found = {str(folder): {"bind": str(folder), "mode": "ro"} for folder in _outermost(_data(loaded))}
    if loaded.spec.push is not None and is_here(loaded.spec.push.to):
        pushed = _absolute(loaded, loaded.spec.push.to)
        try:
            pushed.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{pushed}: cannot be made: {error.strerror}. Give push.to a folder that can.") from error
        found[str(pushed)] = {"bind": str(pushed), "mode": "rw"}
    return found


def _data(loaded: LoadedSpec) -> Iterator[Path]:
    """Yields the folders of the files that are read, those that links lead to included."""
    for name, source in loaded.spec.data.sources.items():
        here = [path for path in source.paths if is_here(path)]
        for file in origins(name, source.model_copy(update={"path": here}), loaded.directory) if here else ():
            assert isinstance(file, Path)  # noqa: S101 - no other is left
            yield from _of(file)
    for _, path in weights(loaded.spec):
        if is_here(path):
            yield from _of(loaded.directory / path.removeprefix("file://"))


def _of(file: Path) -> Iterator[Path]:
    yield Path(os.path.abspath(file)).parent  # noqa: PTH100 - links stay links: the spec's paths lead through them
    yield file.resolve().parent


def _outermost(folders: Iterator[Path]) -> Iterator[Path]:
    """Yields the folders that lie in no other of them."""
    kept: list[Path] = []
    for folder in sorted(set(folders)):
        if not any(folder.is_relative_to(outer) for outer in kept):
            kept.append(folder)
            yield folder


def _absolute(loaded: LoadedSpec, path: str) -> Path:
    return Path(os.path.abspath(loaded.directory / path))  # noqa: PTH100
