"""An output appears whole or not at all: it is written aside and renamed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

MANIFEST = "dataset.json"
"""File of an Examples artifact that stands for all of it."""


@contextlib.contextmanager
def written_aside(target: Path) -> Iterator[Path]:
    """Gives an empty folder beside `target` that takes its place when the block ends well.

    When the block raises, the folder is removed and `target` stays as it was.
    """
    aside = target.with_name(f".{target.name}.{os.getpid()}.part")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        yield aside
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    if target.exists():
        shutil.rmtree(target)
    aside.rename(target)


def write_json(path: Path, value: Any) -> None:
    """Writes JSON with sorted keys, whole or not at all. NaN and infinity are refused: they are not JSON."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes text as UTF-8, whole or not at all; what is no Unicode becomes a question mark."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        aside.write_text(text, encoding="utf-8", errors="replace")
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def read_json(path: Path) -> Any:
    """Reads a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def file_digest(path: Path) -> str:
    """Returns the SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digests(path: Path) -> dict[str, str]:
    """Returns the SHA-256 of every file below `path` by its name there, in order of the names' parts; of the file `path` by "."."""
    if path.is_file():
        return {".": file_digest(path)}
    files = sorted(item for item in path.rglob("*") if item.is_file())
    return {file.relative_to(path).as_posix(): file_digest(file) for file in files}


def overall(files: Mapping[str, str], without: str | None = None) -> str:
    """Returns the digest of a folder, as `folder_digest` does, of what `digests` says of its files."""
    if "." in files:
        return files["."]
    if MANIFEST in files:
        return files[MANIFEST]
    digest = hashlib.sha256()
    for name in sorted(files, key=lambda name: name.split("/")):
        if without is None or name.split("/")[0] != without:
            digest.update(f"{name}\0{files[name]}\n".encode())
    return digest.hexdigest()


def folder_digest(path: Path, without: str | None = None) -> str:
    """Returns the SHA-256 over the names and bytes of all files below `path` (or of the file `path`).

    Where the folder has a `dataset.json`, that manifest stands for it: it holds the digest of every shard. `without` names a
    folder in it that does not count.
    """
    manifest = path / MANIFEST
    return file_digest(manifest) if manifest.exists() else overall(digests(path), without)
