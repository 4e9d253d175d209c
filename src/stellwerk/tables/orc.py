"""ORC, read by Arrow stripe by stripe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
from pyarrow import orc

from stellwerk.errors import DataError
from stellwerk.tables.formats import SAMPLED_ROWS


def batches(path: Path, where: str) -> Iterator[pa.RecordBatch]:
    """Yields the stripes of an ORC file. Raises DataError, which begins with `where`, when it is damaged."""
    try:
        reader = orc.ORCFile(str(path))
        for stripe in range(reader.nstripes):
            yield reader.read_stripe(stripe)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{where}: is not ORC, or damaged: {error}. Fetch it again.") from None


def sample(stream: Any, file: IO[bytes], _limit: int) -> None:
    """Writes the first rows of an ORC file as another."""
    source = orc.ORCFile(stream)
    stripes = [source.read_stripe(0).slice(0, SAMPLED_ROWS)] if source.nstripes else []
    orc.write_table(pa.Table.from_batches(stripes, source.schema), file)
