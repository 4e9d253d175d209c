"""The formats that are read: one module each, and the table that knows their endings."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from stellwerk.errors import UsageError, did_you_mean
from stellwerk.serving.bulk.inputs.archived import ArchivedReader
from stellwerk.serving.bulk.inputs.base import BLOCK_BYTES, BadRow, Block, Position, Reader
from stellwerk.serving.bulk.inputs.converting import MADE_PARQUET, ConvertedReader
from stellwerk.serving.bulk.inputs.delimited import DelimitedReader
from stellwerk.serving.bulk.inputs.jsonl import JsonlReader
from stellwerk.serving.bulk.inputs.parquet import ParquetReader
from stellwerk.serving.bulk.options import Format
from stellwerk.tables.dialect import Told
from stellwerk.tables.endings import kind_of

__all__ = ["BLOCK_BYTES", "BadRow", "Block", "Cells", "Position", "Reader", "format_of", "open_input"]

ENDINGS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
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


@dataclass(frozen=True)
class Cells:
    """What is known of a workbook."""

    sheet: str | None = None
    """The name of the sheet; None is the first."""
    null_values: tuple[str, ...] = ("",)
    """Texts that mean missing."""


def open_input(
    path: Path,
    told: Told = Told(),  # noqa: B008 - frozen
    floats: Collection[str] = (),
    cells: Cells = Cells(),
) -> Reader:
    """Opens an input file by its ending; `told` says how CSV is written, the columns `floats` are numbers that may have a fraction.

    Raises UsageError where there is none, DataError where it cannot be read.
    """
    if not path.is_file():
        near = did_you_mean(path.name, [one.name for one in path.parent.iterdir()]) if path.parent.is_dir() else ""
        raise UsageError(f"{path}: there is no such file.{near}")
    suffix = path.suffix.lower()
    if suffix == ".zip" or (suffix in PACKED and kind_of(path.name) not in ("csv", "jsonl", None)):
        return ArchivedReader(path, lambda member: open_input(member, told, floats, cells))
    if suffix in MADE_PARQUET:
        return ConvertedReader(path, cells.sheet, cells.null_values)
    kind = format_of(path)
    if kind == "csv":
        return DelimitedReader(path, replace(told, usual="\t" if ".tsv" in path.name.lower() else ","))
    return JsonlReader(path, floats) if kind == "jsonl" else ParquetReader(path)
