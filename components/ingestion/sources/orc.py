"""ORC, read by Arrow stripe by stripe."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from pyarrow import orc

from stellwerk.components.ingestion.sources.base import Request, Table
from stellwerk.components.ingestion.sources.conversion import converted
from stellwerk.errors import DataError


def open_table(request: Request) -> Table:
    """Opens ORC files. Raises DataError when one is damaged."""
    return converted(request, _stripes(request))


def _stripes(request: Request) -> Iterator[pa.RecordBatch]:
    for file in request.files:
        try:
            reader = orc.ORCFile(file.address)
            for stripe in range(reader.nstripes):
                yield reader.read_stripe(stripe)
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(f"{request.name}: {file.label}: is not ORC, or damaged: {error}. Fetch it again.") from None
