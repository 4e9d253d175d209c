"""Columns of references: whoever reads Examples gets the bytes, read where they lie and compared with the checksum.

They are in standard form, as ingest has measured them, so that all that follows is the same as if they had been copied.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stellwerk.columns import REFERENCES
from stellwerk.errors import DataError
from stellwerk.machine import available_cores
from stellwerk.media.limits import MOST_BYTES, Room, Unreadable
from stellwerk.media.pictures import standard_form
from stellwerk.spec.places import scheme_of
from stellwerk.stores import StoreError, opened
from stellwerk.stores.patience import patiently, pieces
from stellwerk.tables.bounds import BATCH_BYTES

FEWEST_THREADS = 8
"""Files are asked for side by side, also where few cores wait for them."""


def resolved(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yields batches with bytes where they have references, in smaller ones where these are large; others as they are.

    Raises DataError for a file that is gone, or is not what it was when it was ingested.
    """
    wanted = REFERENCES.arrow_type
    with ThreadPoolExecutor(max(FEWEST_THREADS, available_cores()), thread_name_prefix="references") as pool:
        read = partial(_content, room=Room())
        for batch in batches:
            columns = [place for place, field in enumerate(batch.schema) if field.type == wanted]
            for part in _bearable(batch, columns) if columns else (batch,):
                arrays = list(part.columns)
                for place in columns:
                    arrays[place] = pa.array(pool.map(read, arrays[place].to_pylist()), REFERENCES.fed_type)
                yield pa.RecordBatch.from_arrays(arrays, names=part.schema.names)


def _bearable(batch: pa.RecordBatch, columns: list[int]) -> Iterator[pa.RecordBatch]:
    """Cuts a batch where the bytes that it stands for would be too many; a single row may have more."""
    sizes = sum(np.asarray(pc.fill_null(batch.column(place).field("bytes"), 0)) for place in columns)
    ends = np.cumsum(sizes)
    start = 0
    while start < batch.num_rows:
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + BATCH_BYTES, side="right")))
        yield batch.slice(start, stop - start)
        start = stop


def _content(reference: dict[str, Any] | None, room: Room) -> bytes | None:
    if reference is None:
        return None
    uri, again = reference["uri"], "Run the pipeline again: it ingests what is there now."
    try:
        content = _bytes(uri)
    except FileNotFoundError:
        raise DataError(f"examples: {uri}: the file is gone, or this machine does not see it. {again}") from None
    except OSError as error:
        raise DataError(f"examples: {uri}: cannot be read: {error.strerror}.") from None
    except StoreError as error:
        raise DataError(f"examples: {uri}: {error}.") from error
    if hashlib.sha256(content).hexdigest() != reference["sha256"]:
        raise DataError(f"examples: {uri}: was changed after it was ingested. {again}")
    try:
        return standard_form(content, room)
    except Unreadable as error:
        raise DataError(f"examples: {uri}: {error}. {again}") from None


def _bytes(uri: str) -> bytes:
    if scheme_of(uri) == "file":
        with Path(os.fsdecode(unquote_to_bytes(uri.removeprefix("file://")))).open("rb") as file:
            return file.read(MOST_BYTES + 1)
    store, key = opened(uri)
    item = patiently(lambda: store.find(key))
    if item is None:
        raise FileNotFoundError
    return b"".join(pieces(item))
