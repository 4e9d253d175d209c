"""Writes one split as Parquet shards, row group by row group, so that memory does not grow with the rows."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stellwerk.components.artifacts.examples import BATCH_ROWS
from stellwerk.components.artifacts.folders import file_digest
from stellwerk.components.ingestion.arrays import values
from stellwerk.components.ingestion.media.contents import Contents, with_contents
from stellwerk.tables import pages
from stellwerk.tables.lists import BATCH_BYTES, is_list, rows_within

SHARD_ROWS = 16 * BATCH_ROWS


GROUP_BYTES = 32 << 20
"""Bytes of the columns of bytes in a row group; a single row may have more."""
SHARD_BYTES = 16 * GROUP_BYTES


class ShardWriter:
    """Takes batches and cuts them into row groups of 65,536 rows (of 64 MB where rows have lists) and shards of 16 groups.

    Where there are columns of bytes, groups of 32 MiB and shards of 512 MiB of these are cut as well. The cuts depend on the rows alone:
    the same rows in the same order give the same bytes. Of `media` the batches have digests, and `contents` what these stand for.
    """

    def __init__(
        self, root: Path, split: str, schema: pa.Schema, media: Sequence[str] = (), contents: Contents | None = None
    ) -> None:
        self.rows = 0
        self.shards: list[dict[str, Any]] = []
        self._root, self._split, self._schema = root, split, schema
        self._contents, self._media = contents, media
        self._plain = [field.name for field in schema if field.type == pa.binary() and field.name not in media]
        self._sizes = np.zeros(0, np.int64)
        self._shard_bytes = 0
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._writer: pq.ParquetWriter | None = None
        self._shard_rows = self._shard_bytes = 0
        self._group_rows = rows_within(schema, BATCH_BYTES, BATCH_ROWS)
        self._lists = [field.name for field in schema if is_list(field.type)]
        (root / split).mkdir(parents=True)

    def write(self, batch: pa.RecordBatch) -> None:
        """Adds rows."""
        self.rows += batch.num_rows
        self._waiting.append(batch)
        self._waiting_rows += batch.num_rows
        if self._media or self._plain:
            self._sizes = np.concatenate([self._sizes, self._bytes_of(batch)])
        while rows := self._rows_of_group():
            self._write_group(rows)

    def close(self) -> None:
        """Writes what is left; `shards` is complete afterwards: path, rows and digest of each."""
        if self._waiting_rows:
            self._write_group(self._waiting_rows)
        self._close_shard()

    def abandon(self) -> None:
        """Closes the open file of a run that failed; its bytes are of no use."""
        if self._writer is not None:
            with contextlib.suppress(OSError, pa.ArrowException):
                self._writer.close()
            self._writer = None

    def _bytes_of(self, batch: pa.RecordBatch) -> np.ndarray[Any, Any]:
        """Returns how many bytes the columns of bytes have in each row."""
        sizes = np.zeros(batch.num_rows, np.int64)
        for name in self._media:
            assert self._contents is not None  # noqa: S101 - whoever has media has contents
            sizes += self._contents.sizes(batch.column(batch.schema.get_field_index(name)))
        for name in self._plain:
            lengths = pc.binary_length(batch.column(batch.schema.get_field_index(name)))
            sizes += values(pc.fill_null(lengths, 0))
        return sizes

    def _rows_of_group(self) -> int:
        """Returns how many of the waiting rows are a whole row group; 0 where they are none yet."""
        if len(self._sizes):
            full = int(np.searchsorted(np.cumsum(self._sizes[: self._group_rows]), GROUP_BYTES))
            if full < min(self._group_rows, self._waiting_rows):
                return full + 1
        return self._group_rows if self._waiting_rows >= self._group_rows else 0

    @property
    def _path(self) -> Path:
        return self._root / self._split / f"part-{len(self.shards):05}.parquet"

    def _write_group(self, rows: int) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, self._schema, **self._settings(), **pages.written())
        table = pa.Table.from_batches(self._waiting)
        group = table.slice(0, rows).combine_chunks()
        if self._contents is not None:
            group = with_contents(group, self._media, self._contents, self._schema)
        self._writer.write_table(group, row_group_size=rows)
        rest = table.slice(rows)
        self._waiting = rest.to_batches()
        self._waiting_rows = rest.num_rows
        self._shard_rows += rows
        self._shard_bytes += int(self._sizes[:rows].sum())
        self._sizes = self._sizes[rows:]
        if self._shard_rows >= min(SHARD_ROWS, 16 * self._group_rows) or self._shard_bytes >= SHARD_BYTES:
            self._close_shard()

    def _settings(self) -> dict[str, Any]:
        """Returns how columns are written: media are packed already, no two are alike, and nobody asks for the least of them."""
        others = [name for name in self._schema.names if name not in self._media]
        flat = [name for name in others if name not in self._lists]
        if not self._media:
            return {"compression": "snappy", **({"use_dictionary": flat} if self._lists else {})}
        packed = {**dict.fromkeys(others, "SNAPPY"), **dict.fromkeys(self._media, "NONE")}
        return {"compression": packed, "use_dictionary": flat, "write_statistics": others}

    def _close_shard(self) -> None:
        if self._writer is None:
            return
        self._writer.close()
        self._writer = None
        path = self._path
        self.shards.append(
            {"path": path.relative_to(self._root).as_posix(), "rows": self._shard_rows, "sha256": file_digest(path)}
        )
        self._shard_rows = 0
