"""A folder of pictures: a row a file, put into standard form as ingest does, so that the model sees what it was trained on."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa

from stellwerk.errors import DataError
from stellwerk.machine import available_cores
from stellwerk.media.limits import MOST_BYTES, Room, Unreadable
from stellwerk.media.sniffing import PICTURE_ENDINGS
from stellwerk.serving.bulk.inputs.base import BadRow, Block, How, Position
from stellwerk.tables.finding import files_of
from stellwerk.tables.formats import is_medium

FILE, FOLDER, CONTENT = "file", "folder", "content"
"""The columns, as a source of pictures has them; `content` has the name that the model gives it."""

MOST_FILES, MOST_HELD = 256, 32 << 20
"""Files of a block, and about how many of their bytes."""


def opened(path: Path, how: How) -> PicturesReader:
    """Opens a picture, those of a folder, or those that match a pattern. Raises DataError where the model takes more than pictures."""
    return PicturesReader(path, _column(path, how.takes))


def _column(path: Path, takes: Collection[str]) -> str:
    """Returns the column of the model that the pictures are."""
    others = [name for name in takes if name not in (FILE, FOLDER)]
    if CONTENT in others or len(others) == 1:
        return CONTENT if CONTENT in others else others[0]
    raise DataError(
        f"{path}: pictures are one column, and the model takes {', '.join(takes)}. "
        "Predict a Parquet file that has all of them, the pictures as bytes."
    )


class PicturesReader:
    """Reads and decodes files, several at a time, in the order of their names."""

    text = False
    objects = False

    def __init__(self, path: Path, column: str) -> None:
        wanted = partial(is_medium, endings=PICTURE_ENDINGS)
        self._root = path if path.is_dir() else None
        self._files = files_of(path, wanted)
        self.size = len(self._files)
        self.schema = pa.schema([(FILE, pa.string()), (FOLDER, pa.string()), (column, pa.binary())])
        self._room = Room()

    def close(self) -> None:
        """Has nothing to remove."""

    def blocks(self, start: Position, wanted: list[str] | None, block_bytes: int) -> Iterator[Block]:  # noqa: ARG002 - files are large
        """Yields the pictures from `start` on; what is no picture is among the bad rows."""
        kept = [name for name in self.schema.names if wanted is None or name in wanted]
        with ThreadPoolExecutor(available_cores(), thread_name_prefix="pictures") as pool:
            first = start.row
            while first < self.size:
                last = self._end(first)
                made = list(pool.map(self._content, self._files[first:last]))
                numbers = range(first + 1, last + 1)
                bad = [
                    BadRow(number, str(one), {FILE: self._name(number - 1)})
                    for number, one in zip(numbers, made, strict=True)
                    if isinstance(one, Unreadable)
                ]
                good = [number for number, one in zip(numbers, made, strict=True) if not isinstance(one, Unreadable)]
                rows = self._rows(good, [one for one in made if not isinstance(one, Unreadable)])
                lines = partial(np.array, good, np.int64)
                yield Block(rows.select(kept).to_batches()[0], replace(start, row=last), lines, bad)
                first = last

    def _end(self, first: int) -> int:
        """Returns the number of the file behind those of a block."""
        last, held = first, 0
        while last < min(self.size, first + MOST_FILES) and held < MOST_HELD:
            held += self._files[last].stat().st_size
            last += 1
        return last

    def _content(self, file: Path) -> bytes | Unreadable:
        from stellwerk.media.pictures import standardised  # noqa: PLC0415 - Pillow is an extra

        with file.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
        try:
            return standardised(content, self._room).content
        except Unreadable as error:
            return error

    def _name(self, number: int) -> str:
        file = self._files[number]
        return file.relative_to(self._root).as_posix() if self._root is not None else str(file)

    def _rows(self, numbers: list[int], contents: list[bytes]) -> pa.Table:
        names = [self._name(number - 1) for number in numbers]
        folders = [PurePosixPath(name).parent.name or None for name in names]
        return pa.Table.from_arrays(
            [
                pa.chunked_array([pa.array(values, field.type)])
                for values, field in zip((names, folders, contents), self.schema, strict=True)
            ],
            schema=self.schema,
        )
