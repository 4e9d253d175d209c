"""Whether an artifact has the bytes that were written: the SHA-256 of each of its files, beside what is there."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stellwerk.components.artifacts.folders import MANIFEST, file_digest, overall, read_json

HERE = "."
"""What the only file of an artifact is called that is a file itself."""


@dataclass(frozen=True)
class Difference:
    """One file that is not what it should be."""

    file: str
    what: str
    """`is missing`, `has other bytes`, or, what harms nobody, `is not part of it`."""
    expected: str | None = None
    """SHA-256 that it should have."""
    found: str | None = None

    @property
    def harmful(self) -> bool:
        """Whether something is lost, and not only something more is there."""
        return self.expected is not None


def differences(expected: Mapping[str, str], found: Mapping[str, str]) -> list[Difference]:
    """Returns what is different between files as they should be and as they are, both SHA-256 by name."""
    differing = []
    for name in sorted({*expected, *found}):
        should, is_there = expected.get(name), found.get(name)
        if should != is_there:
            what = "is missing" if is_there is None else "is not part of it" if should is None else "has other bytes"
            differing.append(Difference(name, what, should, is_there))
    return differing


def read_digests(
    path: Path, known: Mapping[str, str] | None = None, *, digest: Callable[[Path], str] = file_digest
) -> dict[str, str]:
    """Returns the SHA-256 of every file of an artifact by its name there; those that are `known` are not read.

    `digest` reads a file for it.
    """
    known = known or {}
    files = {HERE: path} if path.is_file() else {name: path / name for name in _names(path)}
    unknown = [file for name, file in files.items() if name not in known]
    with ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="digests") as pool:
        read = dict(zip(unknown, pool.map(digest, unknown), strict=True))
    return {name: known[name] if name in known else read[file] for name, file in files.items()}


def written_digests(path: Path) -> dict[str, str]:
    """Returns the SHA-256 of every file of an artifact that was just written; shards are not read again, as their manifest has theirs."""
    return read_digests(path, shard_digests(path))


def shard_digests(path: Path) -> dict[str, str]:
    """Returns the SHA-256 that the manifest of Examples has of each shard; empty for another artifact. Raises ValueError for a broken one."""
    if not (path / MANIFEST).is_file():
        return {}
    try:
        splits: Mapping[str, Any] = read_json(path / MANIFEST)["splits"]
        return {str(shard["path"]): str(shard["sha256"]) for split in splits.values() for shard in split["shards"]}
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path / MANIFEST}: {error}") from error


def damaged(
    path: Path, digest: str, files: Mapping[str, str] | None = None, *, found: Mapping[str, str] | None = None
) -> list[Difference]:
    """Returns what is wrong with an artifact whose `folder_digest` was `digest`; every byte of it is read.

    `files` are the digests of its files, by which the damaged ones are named; without them there is the manifest of Examples, or
    one digest for the whole. `found` is what `read_digests` says of it, where that is known.
    """
    if not path.exists():
        return [Difference(HERE, "is missing", digest)]
    found = read_digests(path) if found is None else found
    if files is not None:
        wrong = differences(files, found)
        return (
            wrong
            if wrong or overall(files) == digest
            else [Difference(HERE, "has other bytes", digest, overall(files))]
        )
    if overall(found) != digest:
        named = MANIFEST if MANIFEST in found else HERE
        return [Difference(named, "has other bytes", digest, overall(found))]
    shards = shard_digests(path)
    return differences(shards, {name: one for name, one in found.items() if name in shards})


def said(path: Path, wrong: Difference) -> str:
    """Returns what is wrong as words: the file and what it is."""
    return f"{path if wrong.file == HERE else path / wrong.file} {wrong.what}"


def _names(path: Path) -> list[str]:
    return [file.relative_to(path).as_posix() for file in sorted(path.rglob("*")) if file.is_file()]
