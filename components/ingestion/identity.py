"""What stands for the bytes of sources before they are read: the same identity, the same bytes; and whether they were just that when read."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stellwerk.components.artifacts.file_states import difference, steady_digest
from stellwerk.components.ingestion.files import Found, is_media, origins
from stellwerk.components.ingestion.labels import Origin, label_of
from stellwerk.components.ingestion.roots import named_below, roots_of
from stellwerk.errors import DataError
from stellwerk.showing import few
from stellwerk.spec.data import Data, Source
from stellwerk.stores.base import Object

if TYPE_CHECKING:
    from stellwerk.components.ingestion.manifest import Fingerprint

UNKNOWN = "unknown-"
"""What the identity of a source begins with whose server says nothing of the state of a file: no two looks give the same."""
READ = 1 << 30
"""Bytes of a source's files up to which they are read, as fast as the disk gives them; of more, sizes and times stand for them."""
AGAIN = "Run again once nobody writes it."


def identities(data: Data, directory: Path) -> dict[str, str]:
    """Returns the identity of each source: SHA-256 over what its files are.

    Of files here it is their content, or, where a source has more than a gigabyte, size and time of the last change; of objects
    what their store says of them: generation, ETag, time. A source whose server says nothing has another identity at every
    look. Raises DataError for a path that leads nowhere, a place that cannot be read, and a file that changes meanwhile.
    """
    return {
        name: _identity(found, names_in(found, source, directory), lambda path: steady_digest(path)[1])
        for name, source in sorted(data.sources.items())
        for found in [origins(name, source, directory)]
    }


def names_in(found: Sequence[Origin], source: Source, directory: Path) -> list[str]:
    """Returns what of the names of a source's files decides what is read: where each is a row its path below the source's folder, else nothing."""
    if not is_media(source):
        return [""] * len(found)
    return named_below([label_of(origin, directory) for origin in found], roots_of(source, directory))


def keyed(origin: Origin, digest: str | None, said: str = "") -> str:
    """Returns what stands for one file of a source in the key of a run: the SHA-256 of its bytes, or of what its store says of it.

    `digest` is that of a file here, `said` what `names_in` says of it. Empty for an object of whose state its server says nothing.
    """
    if isinstance(origin, Path):
        known = digest or ""
    else:
        known = hashlib.sha256(origin.identity.encode()).hexdigest() if origin.identity is not None else ""
    return hashlib.sha256(f"{said}\0{known}".encode()).hexdigest() if said and known else known


def changed(seen: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Returns the sources that are not what they were when they were looked at, as far as that can be told."""
    return sorted(name for name in now if seen.get(name) != now[name] and not now[name].startswith(UNKNOWN))


def check_steady(found: Mapping[str, Found], directory: Path) -> None:
    """Raises DataError that names the file where one does not look any more as it did before it was read."""
    for name, files in found.items():
        for path, before in files.before.items():
            how = difference(path, before)
            if how is not None:
                raise DataError.of_source(name, f"{label_of(path, directory)}: it {how} while it was read. {AGAIN}")


def check_read(
    found: Mapping[str, Found],
    prints: Mapping[str, Fingerprint],
    directory: Path,
    identity: Mapping[str, str] | None,
    expected: Mapping[str, Sequence[str]] | None,
) -> None:
    """Raises DataError where what was read is not what the run began with.

    `identity` is what `identities` said of the sources then, `expected` what `keyed` said of each of their files, in order.
    """
    for name, files in found.items():
        digests = prints[name].digests
        labels = [label_of(origin, directory) for origin in files.origins]
        names = named_below(labels, files.roots) if files.roots else [""] * len(labels)
        now = [
            keyed(origin, digests.get(origin) if isinstance(origin, Path) else None, said)
            for origin, said in zip(files.origins, names, strict=True)
        ]
        before = list((expected or {}).get(name, now))
        if len(before) != len(now):
            raise DataError.of_source(
                name, f"it had {len(before)} files when the run began, and has {len(now)}. {AGAIN}"
            )
        for label, then, one in zip(labels, before, now, strict=True):
            if then and then != one:
                raise DataError.of_source(name, f"{label}: it was changed since the run began. {AGAIN}")
        said = {name: _identity(files.origins, names, digests.__getitem__)}
        if identity is not None and changed(identity, said):
            raise DataError.of_source(name, f"its files were changed since the run began: {few(labels)}. {AGAIN}")


def _identity(found: Sequence[Origin], names: Sequence[str], digest: Callable[[Path], str]) -> str:
    here = [origin for origin in found if isinstance(origin, Path)]
    whole = sum(origin.stat().st_size for origin in here) <= READ
    called = dict(zip(found, names, strict=True))
    said = [f"{called[origin] or origin.name}\0{digest(origin)}" if whole else _seen(origin) for origin in here]
    objects = [origin.identity for origin in found if isinstance(origin, Object)]
    if None in objects:
        return UNKNOWN + uuid.uuid4().hex
    return hashlib.sha256("\n".join([*said, *filter(None, objects)]).encode()).hexdigest()


def _seen(path: Path) -> str:
    found = path.stat()
    return f"{path}\0{found.st_size}\0{found.st_mtime_ns}"
