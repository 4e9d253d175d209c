"""Raw rows of the train split that travel with the transform graph, so that what is made of it can be asked real ones.

They are in `rows.parquet` of a TransformGraph: the columns that the served model takes, as they are in the Examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stellwerk.components.artifacts.examples import Examples
from stellwerk.tables import pages

SAMPLE = "rows.parquet"

SAMPLE_ROWS = 32

SAMPLE_BYTES = 8 << 20
"""Bytes of these rows at most, unless one alone has more: a server reads them whenever it loads the model."""


def write_sample(examples: Examples, columns: Sequence[str], folder: Path) -> None:
    """Writes the first rows of the train split into a TransformGraph."""
    batch = next(iter(examples.batches("train", columns, SAMPLE_ROWS)), None)
    if batch is not None:
        while batch.nbytes > SAMPLE_BYTES and batch.num_rows > 1:
            batch = pa.RecordBatch.from_arrays(
                [_head(one, batch.num_rows // 2) for one in batch.columns], batch.schema.names
            )
        pq.write_table(pa.Table.from_batches([batch]), folder / SAMPLE, **pages.written())


def _head(column: pa.Array, rows: int) -> pa.Array:
    """Returns the first values of a column, with no more in memory than these."""
    return pa.concat_arrays([column.slice(0, rows)])


def read_sample(transform_graph: Path) -> pa.RecordBatch | None:
    """Returns the rows of a TransformGraph, at most `SAMPLE_ROWS`; None where the train split had none."""
    file = transform_graph / SAMPLE
    if not file.exists():
        return None
    batches = pq.read_table(file, **pages.verified()).combine_chunks().to_batches()
    return batches[0] if batches else None
