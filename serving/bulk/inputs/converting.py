"""Files of other kinds, which are first made Parquet: Avro, ORC, TFRecord of tf.Example, workbooks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from importlib import import_module
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from stellwerk.errors import DataError
from stellwerk.serving.bulk.inputs.copying import Copy
from stellwerk.serving.bulk.inputs.parquet import ParquetReader
from stellwerk.tables import pages

MADE_PARQUET = {
    ".avro": "avro",
    ".orc": "orc",
    ".tfrecord": "tfrecord",
    ".tfrecords": "tfrecord",
    **dict.fromkeys((".xlsx", ".xlsm", ".xls", ".ods"), "workbooks"),
}
"""The module of `stellwerk.tables` that reads files with each ending; it is loaded only then."""


class ConvertedReader(ParquetReader):
    """Reads a file by way of a copy as Parquet, the same one for the same bytes."""

    def __init__(self, path: Path, sheet: str | None, null_values: Collection[str]) -> None:
        """Makes the copy; of a workbook, `sheet` is read (None: the first), and texts of `null_values` are missing. Raises DataError where the file is damaged, or holds what no column can."""
        self._copy = Copy(path)
        try:
            self._copy.make(
                lambda _stream, to: _write(lambda: _batches(path, sheet, null_values), path, to), "converted.parquet"
            )
            super().__init__(self._copy.path, path)
        except BaseException:
            self._copy.close()
            raise

    def close(self) -> None:
        """Removes the copy."""
        self._copy.close()


def _write(batches: Callable[[], Iterator[pa.RecordBatch]], path: Path, to: IO[bytes]) -> None:
    """Writes the rows; a column that comes late is missing before."""
    schemas: list[pa.Schema] = []
    for batch in batches():
        if not any(batch.schema.equals(schema) for schema in schemas):
            schemas.append(batch.schema)
    if not schemas:
        raise DataError(f"{path}: there are no rows. Give a file with data.")
    schema = pa.unify_schemas(schemas)
    with pq.ParquetWriter(to, schema, **pages.written()) as writer:
        for batch in batches():
            have = dict(zip(batch.schema.names, batch.columns, strict=True))
            arrays = [have.get(field.name, pa.nulls(batch.num_rows, field.type)) for field in schema]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _batches(path: Path, sheet: str | None, null_values: Collection[str]) -> Iterator[pa.RecordBatch]:
    kind = MADE_PARQUET[path.suffix.lower()]
    module: Any = import_module(f"stellwerk.tables.{kind}")
    if kind == "workbooks":
        found = module.columns(path, str(path), sheet, null_values)
        yield pa.RecordBatch.from_arrays(list(found.values()), names=list(found))
    elif kind == "avro":
        with path.open("rb") as stream:
            yield from module.batches(stream, str(path))
    else:
        yield from module.batches(str(path), str(path))
