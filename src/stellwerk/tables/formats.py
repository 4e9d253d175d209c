"""The table of the formats that sources and inputs of `predict` may have. One entry is all that anything here knows of one.

A package brings one as the entry point `stellwerk.formats`, which names a `SourceFormat`.

A format that the engine does not read itself is a module with a function that yields batches, and an entry: it is made Parquet
first. What reads is named by its import path, as it needs Arrow or more and this module is loaded with the spec.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any

from stellwerk.families import Family
from stellwerk.media.sniffing import PICTURE_ENDINGS

SAMPLED_ROWS = 10_240
"""Rows that a sample has of a format that is no text."""


@dataclass(frozen=True)
class SourceFormat:
    """A format of files that hold a table."""

    name: str
    title: str
    """What people call it."""
    endings: tuple[str, ...]
    """Of files that have it, before the ending that says how they are packed; none where a spec has to name the format."""
    batches: str = ""
    """Import path of what yields its rows, `(path, where, **keys) -> Iterator[RecordBatch]`; for a format that is made Parquet first."""
    table: str = ""
    """Import path of ingest's own reader, `(request) -> Table`; for a format that the engine reads itself."""
    reader: str = ""
    """Import path of predict's own reader, `(path, how) -> Reader`; for such a format."""
    written: bool = False
    """Whether predict writes it, too."""
    sample: str = ""
    """Import path of what writes the beginning of one, `(stream, file, bytes)`; without, an object is looked at whole."""
    sampled_by_parts: bool = False
    """Whether that reads the end of a file before its beginning."""
    ahead: int = 0
    """Bytes that one request for a part of an object brings at least, once it is read on, where it is read in place; 0: it is not."""
    text: bool = False
    """Whether it is lines of text, so that a part of a file is a file."""
    cuts_itself: bool = False
    """Whether ingest's reader stops by itself after the first rows, when only these are wanted."""
    at_a_glance: bool = True
    """Whether its columns are known without reading it all, and without a framework."""
    unpacks: tuple[str, ...] = ()
    """Endings of packed files that its readers take as they are."""
    media: tuple[str, ...] = ()
    """Where each file is a row: the endings of those that are looked at in a folder. Such a format is named, as no ending says it."""
    begun_with: str = ""
    """Where each file is a row: the query of a first spec, over the source `{}`."""
    keys: tuple[str, ...] = ()
    """Keys of a source that are for it, beside those of every format."""
    lineage: str = ""
    """What OpenLineage calls it; nothing where it has no word for it."""


_SOURCES = "stellwerk.components.ingestion.sources"
_INPUTS = "stellwerk.serving.bulk.inputs"
_SAMPLING = "stellwerk.stores.sampling"
_TABLES = "stellwerk.tables"

_LISTED = (
    SourceFormat(
        name="csv",
        title="CSV",
        endings=(".csv", ".tsv", ".txt"),
        table=f"{_SOURCES}.delimited:open_table",
        reader=f"{_INPUTS}.delimited:opened",
        written=True,
        sample=f"{_SAMPLING}:lines",
        ahead=8 << 20,
        text=True,
        cuts_itself=True,
        unpacks=(".gz", ".zst"),
        keys=("delimiter", "quote", "encoding", "decimal", "thousands", "null_values", "types"),
        lineage="csv",
    ),
    SourceFormat(
        name="parquet",
        title="Parquet",
        endings=(".parquet", ".pq"),
        table=f"{_SOURCES}.parquet:open_table",
        reader=f"{_INPUTS}.parquet:opened",
        written=True,
        sample=f"{_SAMPLING}:parquet",
        sampled_by_parts=True,
        ahead=1 << 16,
        lineage="parquet",
    ),
    SourceFormat(
        name="jsonl",
        title="JSONL",
        endings=(".jsonl", ".ndjson", ".json"),
        table=f"{_SOURCES}.jsonl:open_table",
        reader=f"{_INPUTS}.jsonl:opened",
        written=True,
        sample=f"{_SAMPLING}:lines",
        ahead=8 << 20,
        text=True,
        unpacks=(".gz", ".zst"),
        keys=("types",),
        lineage="json",
    ),
    SourceFormat(
        name="avro",
        title="Avro",
        endings=(".avro",),
        batches=f"{_TABLES}.avro:batches",
        sample=f"{_TABLES}.avro:sample",
        lineage="avro",
    ),
    SourceFormat(
        name="orc",
        title="ORC",
        endings=(".orc",),
        batches=f"{_TABLES}.orc:batches",
        sample=f"{_TABLES}.orc:sample",
        sampled_by_parts=True,
        lineage="orc",
    ),
    SourceFormat(
        name="tfrecord",
        title="TFRecord",
        endings=(".tfrecord", ".tfrecords"),
        batches=f"{_TABLES}.tfrecord:batches",
        at_a_glance=False,
        unpacks=(".gz",),
    ),
    SourceFormat(
        name="excel",
        title="Excel",
        endings=(".xlsx", ".xlsm", ".xls", ".ods"),
        batches=f"{_TABLES}.workbooks:batches",
        keys=("null_values", "sheet"),
    ),
    SourceFormat(
        name="coco",
        title="COCO annotations",
        endings=(),
        batches=f"{_TABLES}.coco:batches",
    ),
    SourceFormat(
        name="images",
        title="pictures",
        endings=(),
        table="stellwerk.components.ingestion.media.reading:open_table",
        reader=f"{_INPUTS}.pictures:opened",
        cuts_itself=True,
        media=PICTURE_ENDINGS,
        keys=("keep",),
        begun_with="SELECT content AS photo, folder AS label FROM {}",
    ),
)

FAMILY = Family("formats", "format", {one.name: __name__ for one in _LISTED})
_BROUGHT, BROKEN = FAMILY.brought(SourceFormat, lambda one: [one.batches] if one.batches else [one.table, one.reader])

FORMATS: dict[str, SourceFormat] = {**{one.name: one for one in _LISTED}, **_BROUGHT}
"""By name, in the order in which they are named to people."""
TEXT_FIRST: tuple[SourceFormat, ...] = tuple(sorted(FORMATS.values(), key=lambda one: not one.text))
"""The same, those of text before the others."""
WRITTEN: tuple[str, ...] = tuple(one.name for one in TEXT_FIRST if one.written)
"""What predict writes."""
ENDINGS: dict[str, str] = {}
"""The format of each ending; of two with one ending the first, so that a package takes none away."""
for _one in FORMATS.values():
    for _ending in _one.endings:
        ENDINGS.setdefault(_ending, _one.name)
PACKED = (".gz", ".zst", ".zip")
"""Endings of packed files; another ending stands before them."""


def loaded(path: str) -> Callable[..., Any]:
    """Returns what an import path of the table names, `module:name`. Only its own module is imported."""
    module, _, name = path.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), name)
    return found


def is_text(name: str | None) -> bool:
    """Tells whether a format is one of text; None is none."""
    return name is not None and FORMATS[name].text


def is_data(path: PurePosixPath | Path) -> bool:
    """Tells whether a name below a folder is that of a data file: a known ending, and nothing hidden on the way."""
    hidden = any(part.startswith((".", "_")) for part in path.parts)
    return not hidden and Path(inner_name(path.name)).suffix.lower() in ENDINGS


def is_medium(path: PurePosixPath | Path, endings: Collection[str]) -> bool:
    """Tells whether a name below a folder is that of a file that is a row: one of `endings`, and nothing hidden on the way."""
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return not hidden and path.suffix.lower() in endings


def medium_of(path: PurePosixPath | Path) -> str | None:
    """Returns the format whose files are a row each that the name of a file tells, None for any other."""
    return next((one.name for one in FORMATS.values() if is_medium(path, one.media)), None)


def inner_name(name: str) -> str:
    """Returns a file's name without the ending that says how it is packed."""
    suffix = PurePosixPath(name).suffix
    return name.removesuffix(suffix) if suffix.lower() in PACKED else name


def kind_of(name: str) -> str | None:
    """Returns the format that a name says, packed or not; None where its ending is not known."""
    return ENDINGS.get(PurePosixPath(inner_name(name)).suffix.lower())
