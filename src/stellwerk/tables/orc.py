"""ORC, read by Arrow stripe by stripe."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from pyarrow import orc

from stellwerk.errors import DataError


def batches(path: str, where: str) -> Iterator[pa.RecordBatch]:
    """Yields the stripes of an ORC file. Raises DataError, which begins with `where`, when it is damaged."""
    try:
        reader = orc.ORCFile(path)
        for stripe in range(reader.nstripes):
            yield reader.read_stripe(stripe)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{where}: is not ORC, or damaged: {error}. Fetch it again.") from None
