"""How many rows of a Parquet file are read at a time, where values may be files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow.parquet as pq

BATCH_BYTES = 16 << 20
"""So many bytes of texts and of files a batch has, where they are of even length."""


def bearable(metadata: pq.FileMetaData, columns: Sequence[str] | None, rows: int) -> int:
    """Returns `rows`, or fewer where the texts or bytes of `columns` are so long that these would be more than `BATCH_BYTES`."""
    schema = metadata.schema
    named = None if columns is None else set(columns)
    long = [
        place
        for place, column in enumerate(schema.column(place) for place in range(len(schema)))
        if column.physical_type == "BYTE_ARRAY" and (named is None or column.path in named)
    ]
    groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)] if long else []
    held = sum(group.column(place).total_uncompressed_size for group in groups for place in long)
    return max(1, min(rows, BATCH_BYTES * metadata.num_rows // held)) if held else rows
