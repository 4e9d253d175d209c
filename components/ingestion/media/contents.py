"""The bytes of media while the rows are read, joined and dealt: beside them, in one file of this machine, found by their digest.

SQL sees a digest and what is known of each, so that a join or a sort of pictures moves no pictures.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa

from stellwerk.columns import REFERENCE_FIELDS

Digests = np.ndarray[Any, Any]
"""SHA-256 in hexadecimal digits, as 64 bytes each."""


class Contents:
    """Takes contents in any order, and gives them back. Of each it keeps 48 bytes in memory."""

    def __init__(self, scratch: Path, most: int | None = None) -> None:
        """With `most` only the first so many bytes of each are kept, for a look at the data."""
        self._most = most
        self._path = scratch / "contents"
        self._file: IO[bytes] | None = None
        self._digests = bytearray()
        self._starts, self._lengths, self._sizes = array("q"), array("i"), array("i")
        self._end = 0
        self._sorted: tuple[Digests, np.ndarray[Any, Any]] | None = None

    def add(self, digest: str, content: bytes) -> None:
        """Keeps a content."""
        content = content[: self._most]
        self._add(digest, content, len(content))

    def refer(self, digest: str, content: bytes, uri: str, sha256: str) -> None:
        """Keeps where the file of a content lies, and its SHA-256; for a look at the data the content."""
        if self._most is not None:
            self.add(digest, content)
        else:
            self._add(digest, json.dumps([uri, sha256, len(content)]).encode(), len(content))

    def _add(self, digest: str, content: bytes, size: int) -> None:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("w+b")
        self._file.seek(self._end)
        self._file.write(content)
        self._digests += bytes.fromhex(digest)
        self._starts.append(self._end)
        self._lengths.append(len(content))
        self._sizes.append(size)
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

    def of(self, digests: pa.Array, kind: pa.DataType) -> pa.Array:
        """Returns the contents that digests stand for, or references to them if these are of that type; what is missing stays missing."""
        found = [self._read(place) for place in self._places(digests)]
        if not pa.types.is_struct(kind):
            return pa.array(found, kind)
        return pa.array(
            [None if one is None else dict(zip(REFERENCE_FIELDS, json.loads(one), strict=True)) for one in found], kind
        )

    def _read(self, place: int) -> bytes | None:
        if place < 0 or self._file is None:
            return None
        self._file.seek(self._starts[place])
        return self._file.read(self._lengths[place])

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


def with_contents(
    table: pa.Table, columns: Sequence[str], contents: Contents, schema: pa.Schema | None = None
) -> pa.Table:
    """Returns a table whose `columns` have contents where they had digests, or what `schema` says."""
    for name in columns:
        place = table.schema.get_field_index(name)
        field = (table.schema if schema is None else schema).field(name)
        chunks = [contents.of(chunk, field.type) for chunk in table.column(place).chunks]
        table = table.set_column(place, field, pa.chunked_array(chunks, field.type))
    return table
