"""Checksums that stores have of their objects, as they have them."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

from stellwerk.stores.base import StoreError

PIECE = 1 << 20
PART = 8 << 20
"""Bytes of a part of a large file, and from how many on a file is one: boto3's own."""


class Crc32c:
    """The checksum that Google's store gives with an object; nothing where a store gives none."""

    def __init__(self, wanted: str | None) -> None:
        self._wanted = wanted
        self._sum: Any = None if wanted is None else _crc32c()

    def update(self, piece: bytes) -> None:
        """Takes in the next bytes."""
        if self._sum is not None:
            self._sum.update(piece)

    def check(self) -> None:
        """Raises StoreError where other bytes arrived than were stored."""
        if self._sum is not None and _encoded(self._sum) != self._wanted:
            raise StoreError(
                "what arrived does not have the checksum of what is stored. Check the network, and run again"
            )


def crc32c_of(file: Path) -> str:
    """Returns the CRC32C of a file, in base64."""
    found = _crc32c()
    with file.open("rb") as stream:
        while piece := stream.read(PIECE):
            found.update(piece)
    return _encoded(found)


def etag_of(file: Path) -> str:
    """Returns the ETag that S3 gives an object which boto3 wrote in one request, or in the parts that it makes of a large file."""
    with file.open("rb") as stream:
        parts = [hashlib.md5(piece, usedforsecurity=False) for piece in iter(lambda: stream.read(PART), b"")]
    if file.stat().st_size < PART:
        return (parts or [hashlib.md5(b"", usedforsecurity=False)])[0].hexdigest()
    together = hashlib.md5(b"".join(part.digest() for part in parts), usedforsecurity=False)
    return f"{together.hexdigest()}-{len(parts)}"


def _crc32c() -> Any:
    import google_crc32c  # noqa: PLC0415 - comes with google-cloud-storage

    library: Any = google_crc32c
    return library.Checksum()


def _encoded(found: Any) -> str:
    return base64.b64encode(found.digest()).decode()
