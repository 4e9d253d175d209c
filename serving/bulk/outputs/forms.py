"""The formats that are written: how rows become a part of the output, and parts the whole."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from stellwerk.serving.bulk.options import Format
from stellwerk.serving.bulk.outputs.text import csv_header, csv_rows, json_rows
from stellwerk.tables import pages

_GROUP_ROWS = 131_072
_PACKINGS = {".gz": "gzip", ".zst": "zstd"}


class Form(Protocol):
    """One format of the output."""

    def render(self, columns: Mapping[str, pa.Array], heads: pa.Array | None) -> Any:
        """Returns rows as the part writer takes them."""

    def begin(self, path: Path) -> Any:
        """Opens a part; it has `write` and `close`."""

    def join(self, parts: Iterable[Path], whole: Path) -> None:
        """Makes the whole output of its parts, in order, in bounded memory."""


class TextForm:
    """CSV and JSONL, packed or not: parts are lines, and packed parts behind one another are a packed whole."""

    def __init__(self, kind: Format, names: list[str], packing: str, delimiter: str) -> None:
        self.kind = kind
        self.header = csv_header(names, delimiter) if kind == "csv" else b""
        self.packing = _PACKINGS.get(packing)
        self.delimiter = delimiter

    def render(self, columns: Mapping[str, pa.Array], heads: pa.Array | None) -> pa.Buffer:
        """Returns the rows as lines."""
        return csv_rows(columns, self.delimiter) if self.kind == "csv" else json_rows(columns, heads)

    def begin(self, path: Path) -> Any:
        """Opens a file."""
        return pa.output_stream(str(path), compression=self.packing)

    def join(self, parts: Iterable[Path], whole: Path) -> None:
        """Copies the parts behind the header."""
        with self.begin(whole) as stream:
            stream.write(self.header)
        with whole.open("ab") as file:
            for part in parts:
                with part.open("rb") as content:
                    shutil.copyfileobj(content, file, 1 << 20)


class ParquetForm:
    """Parquet: parts are Arrow files, so that the whole is encoded once, in row groups of one size."""

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema

    def render(self, columns: Mapping[str, pa.Array], heads: pa.Array | None) -> pa.RecordBatch:  # noqa: ARG002 - JSONL's
        """Returns the rows as a batch."""
        arrays = [
            column if column.type == field.type else column.cast(field.type)
            for column, field in zip(columns.values(), self.schema, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def begin(self, path: Path) -> Any:
        """Opens an Arrow file."""
        return pa.ipc.new_file(str(path), self.schema, options=pa.ipc.IpcWriteOptions(compression="lz4"))

    def join(self, parts: Iterable[Path], whole: Path) -> None:
        """Writes the parts' rows as one Parquet file."""
        held: list[pa.RecordBatch] = []
        with pq.ParquetWriter(str(whole), self.schema, **pages.written()) as writer:
            for part in parts:
                with pa.memory_map(str(part)) as source, pa.ipc.open_file(source) as file:
                    for index in range(file.num_record_batches):
                        held.append(file.get_batch(index))
                        if sum(batch.num_rows for batch in held) >= _GROUP_ROWS:
                            writer.write_table(pa.Table.from_batches(held))
                            held.clear()
                    if held:
                        writer.write_table(pa.Table.from_batches(held))
                        held.clear()
