"""ORC, read by Arrow stripe by stripe."""

from __future__ import annotations

from stellwerk.components.ingestion.sources.base import Request, Table
from stellwerk.components.ingestion.sources.conversion import converted
from stellwerk.tables.orc import batches


def open_table(request: Request) -> Table:
    """Opens ORC files. Raises DataError when one cannot be read."""
    rows = (batch for file in request.files for batch in batches(file.address, f"{request.name}: {file.label}"))
    return converted(request, rows)
