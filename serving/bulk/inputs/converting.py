"""Files of other formats, which are first made Parquet: Avro, ORC, TFRecord of tf.Example, workbooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from stellwerk.errors import DataError
from stellwerk.serving.bulk.inputs.base import Cells
from stellwerk.serving.bulk.inputs.copying import Copy
from stellwerk.serving.bulk.inputs.parquet import ParquetReader
from stellwerk.tables import pages
from stellwerk.tables.formats import SourceFormat, loaded


class ConvertedReader(ParquetReader):
    """Reads a file by way of a copy as Parquet, the same one for the same bytes."""

    def __init__(self, path: Path, known: SourceFormat, cells: Cells) -> None:
        """Makes the copy of a file of a `known` format; `cells` say how a workbook is read. Raises DataError where the file is damaged, or holds what no column can."""
        self._copy = Copy(path)
        try:
            self._copy.make(
                lambda _stream, to: _write(lambda: _batches(path, known, cells), path, to), "converted.parquet"
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


def _batches(path: Path, known: SourceFormat, cells: Cells) -> Iterator[pa.RecordBatch]:
    keys = {key: getattr(cells, key) for key in known.keys}
    yield from loaded(known.batches)(path, str(path), **keys)
