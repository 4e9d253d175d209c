"""Writes one split as Parquet shards, row group by row group, so that memory does not grow with the rows."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stellwerk.components.artifacts.examples import BATCH_ROWS
from stellwerk.components.artifacts.folders import file_digest
from stellwerk.tables import pages

SHARD_ROWS = 16 * BATCH_ROWS


class ShardWriter:
    """Takes batches and cuts them into row groups of 65,536 rows and shards of 1,048,576, wherever the batches end.

    The cuts depend on the rows alone: the same rows in the same order give the same bytes.
    """

    def __init__(self, root: Path, split: str, schema: pa.Schema) -> None:
        self.rows = 0
        self.shards: list[dict[str, Any]] = []
        self._root, self._split, self._schema = root, split, schema
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._writer: pq.ParquetWriter | None = None
        self._shard_rows = 0
        (root / split).mkdir(parents=True)

    def write(self, batch: pa.RecordBatch) -> None:
        """Adds rows."""
        self.rows += batch.num_rows
        self._waiting.append(batch)
        self._waiting_rows += batch.num_rows
        while self._waiting_rows >= BATCH_ROWS:
            self._write_group(BATCH_ROWS)

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

    @property
    def _path(self) -> Path:
        return self._root / self._split / f"part-{len(self.shards):05}.parquet"

    def _write_group(self, rows: int) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, self._schema, compression="snappy", **pages.written())
        table = pa.Table.from_batches(self._waiting, self._schema)
        self._writer.write_table(table.slice(0, rows).combine_chunks(), row_group_size=rows)
        rest = table.slice(rows)
        self._waiting = rest.to_batches()
        self._waiting_rows = rest.num_rows
        self._shard_rows += rows
        if self._shard_rows >= SHARD_ROWS:
            self._close_shard()

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
