"""What stands for the bytes of sources before they are read: the same identity, the same bytes."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from stellwerk.components.artifacts.folders import file_digest
from stellwerk.components.ingestion.files import Origin, origins
from stellwerk.components.places.base import Object
from stellwerk.spec.data import Data

UNKNOWN = "unknown-"
"""What the identity of a source begins with whose server says nothing of the state of a file: no two looks give the same."""
READ = 1 << 30
"""Bytes of a source's files up to which they are read, as fast as the disk gives them; of more, sizes and times stand for them."""


def identities(data: Data, directory: Path) -> dict[str, str]:
    """Returns the identity of each source: SHA-256 over what its files are.

    Of files here it is their content, or, where a source has more than a gigabyte, size and time of the last change; of objects
    what their store says of them: generation, ETag, time. A source whose server says nothing has another identity at every
    look. Raises DataError for a path that leads nowhere and a place that cannot be read.
    """
    return {name: _identity(origins(name, source, directory)) for name, source in sorted(data.sources.items())}


def changed(seen: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Returns the sources that are not what they were when they were looked at, as far as that can be told."""
    return sorted(name for name in now if seen.get(name) != now[name] and not now[name].startswith(UNKNOWN))


def _identity(found: Sequence[Origin]) -> str:
    here = [origin for origin in found if isinstance(origin, Path)]
    whole = sum(origin.stat().st_size for origin in here) <= READ
    said = [_file(origin, whole=whole) for origin in here]
    objects = [origin.identity for origin in found if isinstance(origin, Object)]
    if None in objects:
        return UNKNOWN + uuid.uuid4().hex
    return hashlib.sha256("\n".join([*said, *filter(None, objects)]).encode()).hexdigest()


def _file(path: Path, *, whole: bool) -> str:
    if whole:
        return f"{path.name}\0{file_digest(path)}"
    state = path.stat()
    return f"{path}\0{state.st_size}\0{state.st_mtime_ns}"
