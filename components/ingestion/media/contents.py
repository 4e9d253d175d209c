"""The bytes of media while the rows are read, joined and dealt: beside them, in one file of this machine, found by their digest.

SQL sees a digest and what is known of each, so that a join or a sort of pictures moves no pictures.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa

Digests = np.ndarray[Any, Any]
"""SHA-256 in hexadecimal digits, as 64 bytes each."""


class Contents:
    """Takes contents in any order, and gives them back. Of each it keeps 44 bytes in memory."""

    def __init__(self, scratch: Path, most: int | None = None) -> None:
        """With `most` only the first so many bytes of each are kept, for a look at the data."""
        self._most = most
        self._path = scratch / "contents"
        self._file: IO[bytes] | None = None
        self._digests = bytearray()
        self._starts, self._sizes = array("q"), array("i")
        self._end = 0
        self._sorted: tuple[Digests, np.ndarray[Any, Any]] | None = None

    def add(self, digest: str, content: bytes) -> None:
        """Keeps a content."""
        content = content[: self._most]
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("w+b")
        self._file.seek(self._end)
        self._file.write(content)
        self._digests += bytes.fromhex(digest)
        self._starts.append(self._end)
        self._sizes.append(len(content))
        self._end += len(content)
        self._sorted = None

    def close(self) -> None:
        """Forgets all of them."""
        if self._file is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)
            self._file = None

    def sizes(self, digests: pa.Array) -> np.ndarray[Any, Any]:
        """Returns how many bytes each of some digests (of type binary) stands for; 0 where it is missing."""
        sizes = np.append(np.frombuffer(self._sizes, np.int32), 0)
        found: np.ndarray[Any, Any] = sizes[self._places(digests)].astype(np.int64)
        return found

    def of(self, digests: pa.Array) -> pa.Array:
        """Returns the contents that digests stand for; what is missing stays missing."""
        return pa.array([self._read(place) for place in self._places(digests)], pa.binary())

    def _read(self, place: int) -> bytes | None:
        if place < 0 or self._file is None:
            return None
        self._file.seek(self._starts[place])
        return self._file.read(self._sizes[place])

    def _places(self, digests: pa.Array) -> np.ndarray[Any, Any]:
        """Returns the place of each digest among those that were added, -1 where there is none."""
        if self._sorted is None:
            every = np.frombuffer(bytes(self._digests), "S32") if self._digests else np.zeros(0, "S32")
            order = np.argsort(every, kind="stable")
            self._sorted = every[order], order
        known, order = self._sorted
        asked = np.array([b"" if one is None else bytes.fromhex(one.decode()) for one in digests.to_pylist()], "S32")
        if not len(known):
            return np.full(len(asked), -1)
        at = np.searchsorted(known, asked).clip(0, len(known) - 1)
        return np.where(known[at] == asked, order[at], -1)


@contextmanager
def opened(scratch: Path, most: int | None = None) -> Iterator[Contents]:
    """Gives contents that are forgotten in the end."""
    contents = Contents(scratch, most)
    try:
        yield contents
    finally:
        contents.close()


def with_contents(table: pa.Table, columns: Sequence[str], contents: Contents) -> pa.Table:
    """Returns a table whose `columns` have contents where they had digests."""
    for name in columns:
        place = table.schema.get_field_index(name)
        field = table.schema.field(place)
        chunks = [contents.of(chunk) for chunk in table.column(place).chunks]
        table = table.set_column(place, field, pa.chunked_array(chunks, pa.binary()))
    return table
