"""Parquet: columns have types, and reading may go on at any row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stellwerk.errors import DataError
from stellwerk.serving.bulk.inputs.base import BLOCK_BYTES, Block, How, Position
from stellwerk.tables import pages
from stellwerk.tables.bounds import bearable

_ROWS = 65_536


class ParquetReader:
    """Reads one Parquet file."""

    text = False
    objects = False

    def __init__(self, path: Path, named: Path | None = None) -> None:
        """Reads the file's footer; messages call it `named`. Raises DataError when it is not Parquet."""
        self.path = path
        self._named = named or path
        try:
            with pq.ParquetFile(path, **pages.verified()) as file:
                stored: pa.Schema = file.schema_arrow
                self.size: int = file.metadata.num_rows
                self._groups = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(f"{self._named}: is not Parquet, or damaged: {error}. Fetch it again.") from None
        self.schema = pa.schema([(field.name, _plain_type(field.type)) for field in stored])
        self.names: list[str] = self.schema.names
        repeated = [name for name in self.names if self.names.count(name) > 1]
        if repeated:
            raise DataError(
                f"{self._named}: the column '{repeated[0]}' appears twice. Give each column a name of its own."
            )

    def close(self) -> None:
        """Has nothing to remove."""

    def blocks(self, start: Position, wanted: list[str] | None, block_bytes: int) -> Iterator[Block]:
        """Yields the rows from `start` on; columns with a dictionary come without it."""
        columns = self.names if wanted is None else [name for name in self.names if name in set(wanted)]
        skip, group = start.row, 0
        while group < len(self._groups) and skip >= self._groups[group]:
            skip, group = skip - self._groups[group], group + 1
        row = start.row
        with pq.ParquetFile(self.path, **pages.verified()) as file:
            size = bearable(file.metadata, columns, max(1, _ROWS * block_bytes // BLOCK_BYTES))
            groups = list(range(group, len(self._groups)))
            try:
                for whole in file.iter_batches(size, row_groups=groups, columns=columns) if groups else ():
                    batch = whole.slice(min(skip, whole.num_rows))
                    skip -= whole.num_rows - batch.num_rows
                    if batch.num_rows:
                        first, row = row + 1, row + batch.num_rows
                        yield Block(_plain(batch), replace(start, row=row), lines=partial(np.arange, first, row + 1))
            except (pa.ArrowInvalid, OSError) as error:
                raise DataError(f"{self._named}: is damaged behind row {row}: {error}. Fetch it again.") from None


def _plain_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    arrays = [column.dictionary_decode() if pa.types.is_dictionary(column.type) else column for column in batch.columns]
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


def opened(path: Path, _how: How) -> ParquetReader:
    """Opens a file, which says everything itself."""
    return ParquetReader(path)
