"""The formats that are read: one module each, and the table that knows their endings."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path, PurePath

from stellwerk.errors import UsageError, did_you_mean
from stellwerk.serving.bulk.inputs.base import BLOCK_BYTES, BadRow, Block, Position, Reader
from stellwerk.serving.bulk.inputs.delimited import DelimitedReader
from stellwerk.serving.bulk.inputs.jsonl import JsonlReader
from stellwerk.serving.bulk.inputs.parquet import ParquetReader
from stellwerk.serving.bulk.options import Format

__all__ = ["BLOCK_BYTES", "BadRow", "Block", "Position", "Reader", "format_of", "open_input"]

ENDINGS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
PACKED = (".gz", ".zst")


def format_of(path: PurePath) -> Format:
    """Returns the format that the ending of a name stands for; `.gz` and `.zst` may follow those of text formats."""
    inner = PurePath(path.stem).suffix.lower() if path.suffix.lower() in PACKED else path.suffix.lower()
    found = ENDINGS.get(inner)
    if found is None or (found == "parquet" and inner != path.suffix.lower()):
        known = [*ENDINGS, *(ending + packed for ending in (".csv", ".jsonl") for packed in PACKED)]
        raise UsageError(
            f"{path}: the ending does not say the format.{did_you_mean(''.join(path.suffixes[-2:]), known)} "
            f"Known: {', '.join(known)}."
        )
    return found


def open_input(path: Path, delimiter: str | None = None, floats: Collection[str] = ()) -> Reader:
    """Opens an input file by its ending; the columns `floats` are numbers that may have a fraction.

    Raises UsageError where there is none, DataError where it cannot be read.
    """
    if not path.is_file():
        near = did_you_mean(path.name, [one.name for one in path.parent.iterdir()]) if path.parent.is_dir() else ""
        raise UsageError(f"{path}: there is no such file.{near}")
    kind = format_of(path)
    if kind == "csv":
        return DelimitedReader(path, delimiter or ("\t" if ".tsv" in path.name.lower() else ","))
    return JsonlReader(path, floats) if kind == "jsonl" else ParquetReader(path)
