"""The beginning of an object as a small file of the same format, for a look at the data without reading it all."""

from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import IO, Any

from stellwerk.errors import DataError
from stellwerk.spec.data import Format
from stellwerk.stores.base import Object, StoreError
from stellwerk.stores.patience import Remote, Streamed
from stellwerk.tables import pages
from stellwerk.tables.formats import ENDINGS, FORMATS, SAMPLED_ROWS, loaded

BUFFER = 1 << 20
"""Bytes that one request for a part of an object brings at least."""
CODECS = {".gz": "gzip", ".zst": "zstd"}


def sampled(name: str, item: Object, kind: Format | None, target: Path, limit: int) -> Path | None:
    """Writes the beginning of an object to a file in folder `target`, and returns it: the same format, unpacked.

    About `limit` bytes of text, or 10,240 rows. None where a part of the object would be of no use, so that it has to be
    read whole. Raises DataError for source `name` where the object cannot be read or is damaged.
    """
    import pyarrow as pa  # noqa: PLC0415 - only where there are objects

    known = FORMATS[kind] if kind is not None else None
    suffix = PurePosixPath(item.name).suffix.lower()
    target.mkdir(parents=True, exist_ok=True)
    try:
        if suffix == ".zip":
            return _zipped(item, target / "object.zip", limit) if _is_file(item) else None
        if known is None or not known.sample:
            return None
        if known.sampled_by_parts and (suffix in CODECS or not _is_file(item)):
            return None
        endings = PurePosixPath(item.name.removesuffix(suffix) if suffix in CODECS else item.name).suffix
        path = target / f"object{endings}"
        with _opened(item, suffix, known.sampled_by_parts) as stream, path.open("wb") as file:
            loaded(known.sample)(stream, file, limit)
    except StoreError as error:
        raise DataError.of_source(name, f"{item.uri}: {error}.") from error
    except (OSError, ValueError, EOFError, KeyError, pa.ArrowException, zipfile.BadZipFile) as error:
        if getattr(error, "errno", None):
            raise
        said = (str(error).splitlines() or [""])[0].rstrip(".")
        raise DataError.of_source(
            name, f"{item.uri}: is damaged, or no {kind or 'zip'} file: {said}. Write it anew."
        ) from error
    return path


def _is_file(item: Object) -> bool:
    return item.by_parts and item.size is not None


@contextlib.contextmanager
def _opened(item: Object, suffix: str, by_parts: bool) -> Iterator[Any]:
    if by_parts:
        with Remote(item) as remote:  # Arrow asks for the ranges that it needs
            yield remote
        return
    with io.BufferedReader(Streamed(item), BUFFER) as stream:
        if suffix in CODECS:
            import pyarrow as pa  # noqa: PLC0415 - only for packed objects

            with pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), CODECS[suffix]) as unpacked:
                yield unpacked
        else:
            yield stream


def lines(stream: Any, file: IO[bytes], limit: int) -> None:
    """Copies whole lines, of about `limit` bytes."""
    start = _read(stream, limit + 1)
    if len(start) > limit:
        end = start.rfind(b"\n", 0, limit) + 1
        wide = start[end : end + 1] == b"\0"  # the other half of a line break in UTF-16
        start = start[: end + wide]
    file.write(start)


def _read(stream: Any, size: int) -> bytes:
    """Reads `size` bytes, or all where there are fewer: one call may give less."""
    read = bytearray()
    while len(read) < size and (piece := stream.read(min(BUFFER, size - len(read)))):
        read += piece
    return bytes(read)


def parquet(stream: Any, file: IO[bytes], _limit: int) -> None:
    """Writes the first rows of a Parquet file as another."""
    import pyarrow as pa  # noqa: PLC0415 - only for this format
    import pyarrow.parquet as pq  # noqa: PLC0415

    with pq.ParquetFile(
        stream, buffer_size=BUFFER, pre_buffer=False, **pages.verified()
    ) as source:  # pages, not whole row groups
        batches = list(islice(source.iter_batches(SAMPLED_ROWS), 1))
        pq.write_table(pa.Table.from_batches(batches, source.schema_arrow), file, **pages.written())


def _zipped(item: Object, path: Path, limit: int) -> Path:
    """Writes an archive that holds the beginnings of its members; those that are no text are copied whole."""
    with (
        io.BufferedReader(Remote(item), BUFFER) as stream,
        zipfile.ZipFile(stream) as source,
        zipfile.ZipFile(path, "w") as target,
    ):
        for member in source.infolist():
            if member.is_dir():
                continue
            ending = PurePosixPath(member.filename).suffix.lower()
            text = ending not in ENDINGS or FORMATS[ENDINGS[ending]].text
            with source.open(member) as packed, target.open(member.filename, "w") as plain:
                if text:
                    lines(packed, plain, limit)
                else:
                    while piece := packed.read(BUFFER):
                        plain.write(piece)
    return path
