"""The Examples artifact: Parquet shards for each split and a manifest with their digests.

    dataset.json            version, columns, rows, shards with digests, sources
    train/part-00000.parquet
    eval/part-00000.parquet
    test/part-00000.parquet
    quarantine/rows.jsonl   rows that did not parse or fit: source, line, reason, row

Columns are of the types of `stellwerk.columns`: int64, float (32 bits), string and binary, in which null means missing, and lists of one
length of floats, `float[168]`, in which NaN does, and references, `{uri, sha256, bytes}`, which are read as binary. Booleans are int64 0/1, dates and timestamps are int64 seconds since 1970 in UTC. They lie in a folder, or at a URI in an object store,
where they are read in place.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stellwerk.columns import REFERENCE, REFERENCES
from stellwerk.components.artifacts.file_states import State, state, steady_digest
from stellwerk.components.artifacts.folders import MANIFEST, read_json
from stellwerk.components.artifacts.stored import StoredFile, stored_files
from stellwerk.errors import DataError
from stellwerk.tables import pages
from stellwerk.tables.bounds import bearable
from stellwerk.tables.lists import BATCH_BYTES, is_list, matrix, rows_within

LABEL = "label"
"""Column of transformed Examples that holds the label, whatever the target's own column is called."""

ORIGIN = ("version", "sources", "rows", "query", "split")
"""Keys of the manifest that say what the examples are made from."""

BATCH_ROWS = 65_536

Shard = Path | StoredFile
"""A Parquet file, on a disk or in a store."""


@contextmanager
def parquet(shard: Shard, metadata: pq.FileMetaData | None = None) -> Iterator[pq.ParquetFile]:
    """Opens a shard while the block runs; with its `metadata` the end of the file is not read again.

    Every page that is read is compared with its checksum: Arrow makes other values of most single bits without a word. Of a stored
    shard it asks for a column of a row group at a time: what it fetches ahead it would keep until all is read. Raises DataError for
    a shard that is damaged.
    """
    try:
        if isinstance(shard, Path):
            with pq.ParquetFile(shard, metadata=metadata, **pages.verified()) as file:
                yield file
            return
        with (
            shard.open() as stored,
            pq.ParquetFile(stored, metadata=metadata, pre_buffer=False, **pages.verified()) as file,
        ):
            yield file
    except (OSError, pa.ArrowException) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DataError(
            f"examples: {shard if isinstance(shard, Path) else shard.uri}: is damaged: {str(error).splitlines()[0]}. "
            "Run the step that makes these examples again: `stellwerk run` does."
        ) from error


_seen: set[tuple[Path, State]] = set()
"""Shards that were what their manifest says, and how they looked."""


def _checked(shard: Path, sha256: str | None) -> Path:
    """Returns a shard, which is read once in a process for its digest. Raises DataError where that is not the one of the manifest."""
    if sha256 is None or (shard.is_file() and (shard, state(shard)) in _seen):
        return shard
    again = "Run the step that makes these examples again: `stellwerk run` does."
    if not shard.is_file():
        raise DataError(f"examples: {shard}: there is no such file, and {MANIFEST} names it. {again}")
    seen, digest = steady_digest(shard)
    if digest != sha256:
        raise DataError(
            f"examples: {shard}: is damaged: {MANIFEST} has SHA-256 {sha256[:12]} of it, not {digest[:12]}. {again}"
        )
    _seen.add((shard, seen))
    return shard


@dataclass(frozen=True)
class Examples:
    """Reads an Examples artifact (also transformed ones) in batches, so that memory does not grow with the rows."""

    path: Path | str
    """Their folder, or their URI."""
    manifest: dict[str, Any]
    stored: Mapping[str, StoredFile] = field(default_factory=dict, repr=False)
    """Their files at a URI, as they were when the artifact was opened."""

    @classmethod
    def open(cls, path: Path | str) -> Examples:
        """Opens the artifact in a folder, or at a URI: `gs://`, `s3://` or `minio://`.

        Raises DataError where the store cannot be read, or has no examples there.
        """
        if isinstance(path, Path) or "://" not in path:
            return cls(Path(path), read_json(Path(path) / MANIFEST))
        stored = stored_files(path)
        if MANIFEST not in stored:
            raise DataError(f"examples: {path}: there is no {MANIFEST}. Run the step that makes these examples again.")
        with stored[MANIFEST].open() as file:
            return cls(path, json.loads(file.read()), stored)

    @property
    def version(self) -> str:
        """Digest that stands for exactly these bytes and settings."""
        version: str = self.manifest["version"]
        return version

    @property
    def origin(self) -> dict[str, Any]:
        """What the examples are and come from: version, sources with their digests, rows, query, split."""
        return {key: self.manifest[key] for key in ORIGIN if key in self.manifest}

    @property
    def columns(self) -> dict[str, str]:
        """Type of each column by name, as `batches` gives it: a key of `stellwerk.columns.COLUMN_TYPES`, or of transformed ones a type of tensor."""
        columns: dict[str, str] = self.manifest["columns"]
        return {name: REFERENCES.read_as if kind == REFERENCE else kind for name, kind in columns.items()}

    def rows(self, split: str) -> int:
        """Returns the number of examples in `split`."""
        rows: int = self.manifest["splits"][split]["rows"]
        return rows

    def shards(self, split: str) -> list[Shard]:
        """Returns the Parquet files of `split`, in order; those here are what the manifest says, or were when this process first asked.

        Raises DataError for one that is damaged or gone.
        """
        told = self.manifest["splits"][split]["shards"]
        names = [shard["path"] for shard in told]
        if isinstance(self.path, Path):
            return [_checked(self.path / shard["path"], shard.get("sha256")) for shard in told]
        for name in names:
            if name not in self.stored:
                missing = f"examples: {self.path}/{name}: there is no such object, and {MANIFEST} names it."
                raise DataError(f"{missing} Run the step that makes these examples again.")
        return [self.stored[name] for name in names]

    def names(self, split: str) -> list[str]:
        """Returns the columns in the order of the data."""
        with parquet(self.shards(split)[0]) as file:
            return list(file.schema_arrow.names)

    def batches(
        self, split: str, columns: Sequence[str] | None = None, rows: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """Yields the examples of `split` in order, `rows` at a time at most, of long values and lists fewer, columns as they are on disk.

        In place of references are the bytes that they refer to.
        """
        for shard in self.shards(split):
            yield from rows_of(shard, columns, rows)


def rows_of(shard: Shard, columns: Sequence[str] | None = None, rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
    """Yields the rows of a shard as `Examples.batches` does."""
    with parquet(shard) as file:
        wanted = list(columns) if columns is not None else None
        size = rows_within(_chosen(file.schema_arrow, wanted), BATCH_BYTES, bearable(file.metadata, wanted, rows))
        yield from with_bytes(_all_rows(file, size, wanted), file.schema_arrow)


def with_bytes(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yields batches of shards of a schema, with bytes where they have references."""
    if REFERENCES.arrow_type not in schema.types:
        return batches
    from stellwerk.components.artifacts.references import resolved  # noqa: PLC0415 - stores, and what reads media

    return resolved(batches)


def _all_rows(file: pq.ParquetFile, size: int, columns: list[str] | None) -> Iterator[pa.RecordBatch]:
    left = file.metadata.num_rows
    for batch in file.iter_batches(batch_size=size, columns=columns):
        left -= batch.num_rows
        yield batch
    if left:  # of a page whose head is damaged Arrow reads fewer rows without a word
        raise pa.ArrowInvalid(f"{left:,} rows fewer than it says")


def _chosen(schema: pa.Schema, columns: Sequence[str] | None) -> pa.Schema:
    return schema if columns is None else pa.schema([field for field in schema if field.name in columns])


def as_lists(batch: pa.RecordBatch, *, with_nan: bool = False) -> pa.RecordBatch:
    """Makes every flat column a list column of 0 or 1 values (null becomes a null list), as TFDV, TFT and TFMA read it.

    Of lists of one length the numbers that are there are left, or `with_nan` all of them. Strings become binary. Costs no copy of the values unless there are nulls.
    """
    columns = [_of_lists(column, with_nan) if is_list(column.type) else _as_list(column) for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _as_list(column: pa.Array) -> pa.Array:
    if pa.types.is_string(column.type):
        column = column.cast(pa.binary())
    if column.null_count == 0:
        return pa.ListArray.from_arrays(pa.array(np.arange(len(column) + 1, dtype=np.int32)), column)
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    ends = np.cumsum(valid, dtype=np.int32)
    offsets = np.concatenate([np.zeros(1, np.int32), ends])
    empty = np.concatenate([~valid, np.zeros(1, bool)])
    return pa.ListArray.from_arrays(pa.array(offsets, mask=empty), column.drop_null())


def _of_lists(column: pa.Array, with_nan: bool) -> pa.Array:
    numbers = matrix(column)
    there = np.ones(numbers.shape, bool) if with_nan else ~np.isnan(numbers)
    offsets = np.concatenate([np.zeros(1, np.int32), np.cumsum(there.sum(axis=1), dtype=np.int32)])
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(numbers[there]))
