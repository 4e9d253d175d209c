"""What the ending of a file's name says: its format, and how it is packed."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from stellwerk.spec.data import Format

ENDINGS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".avro": "avro",
    ".orc": "orc",
    ".tfrecord": "tfrecord",
    ".tfrecords": "tfrecord",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".xls": "excel",
    ".ods": "excel",
}
"""The format of each ending."""
PACKED = (".gz", ".zst", ".zip")
"""Endings of packed files; another ending stands before them."""


def is_data(path: PurePosixPath | Path) -> bool:
    """Tells whether a name below a folder is that of a data file: a known ending, and nothing hidden on the way."""
    hidden = any(part.startswith((".", "_")) for part in path.parts)
    return not hidden and Path(inner_name(path.name)).suffix.lower() in ENDINGS


def inner_name(name: str) -> str:
    """Returns a file's name without the ending that says how it is packed."""
    suffix = PurePosixPath(name).suffix
    return name.removesuffix(suffix) if suffix.lower() in PACKED else name


def kind_of(name: str) -> Format | None:
    """Returns the format that a name says, packed or not; None where its ending is not known."""
    return ENDINGS.get(PurePosixPath(inner_name(name)).suffix.lower())
