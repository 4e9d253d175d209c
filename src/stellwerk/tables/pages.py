"""Checksums of Parquet's pages: most single bits that flip in a page make other values of it without a word from Arrow.

Arrow writes and compares them since 14; before, files are what the SHA-256 in their manifest says, or nobody knows.
"""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any


@cache
def written() -> dict[str, Any]:
    """Returns what makes `pq.write_table` and `pq.ParquetWriter` write a CRC32 for every page."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - only who writes a file needs it

    return (
        {"write_page_checksum": True} if "write_page_checksum" in inspect.signature(pq.write_table).parameters else {}
    )


@cache
def verified() -> dict[str, Any]:
    """Returns what makes `pq.ParquetFile` and `pq.read_table` compare it, where there is one: OSError for a page that is damaged."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    name = "page_checksum_verification"
    return {name: True} if name in inspect.signature(pq.ParquetFile.__init__).parameters else {}
