"""Whole objects: their bytes, the SHA-256 of them, and copies on this machine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from stellwerk.stores.base import Object
from stellwerk.stores.checksums import Crc32c
from stellwerk.stores.patience import pieces


def copied(item: Object, file: Path, hear: Callable[[bytes], None] = lambda _: None) -> str:
    """Writes an object to a file, tells `hear` each piece that came, and returns the SHA-256 of all.

    Raises StoreError where the store says no, or what arrived does not have the checksum of what is stored.
    """
    checksum, digest = Crc32c(item.crc32c), hashlib.sha256()
    with file.open("wb") as stream:
        for piece in pieces(item):
            hear(piece)
            stream.write(piece)
            checksum.update(piece)
            digest.update(piece)
    checksum.check()
    return digest.hexdigest()


def object_digest(item: Object) -> str:
    """Returns the SHA-256 of an object, which is read for it."""
    digest = hashlib.sha256()
    for piece in pieces(item):
        digest.update(piece)
    return digest.hexdigest()


def file_digest(file: Path) -> str:
    """Returns the SHA-256 of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
