"""Avro, read by fastavro in batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import IO, Any

import fastavro
import pyarrow as pa

from stellwerk.errors import DataError
from stellwerk.tables.formats import SAMPLED_ROWS

BATCH_ROWS = 16_384
TYPES: dict[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "int": pa.int64(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "string": pa.string(),
    "enum": pa.string(),
    "bytes": pa.binary(),
    "fixed": pa.binary(),
    "null": pa.string(),
    "date": pa.date32(),
    "timestamp-millis": pa.timestamp("ms", tz="UTC"),
    "timestamp-micros": pa.timestamp("us", tz="UTC"),
    "local-timestamp-millis": pa.timestamp("ms"),
    "local-timestamp-micros": pa.timestamp("us"),
    "uuid": pa.string(),
    "decimal": pa.float64(),
}
"""Column type for each Avro type; a logical type goes before the type below it."""


def batches(path: Path, where: str) -> Iterator[pa.RecordBatch]:
    """Yields the rows of an Avro file, without its nested fields. Raises DataError, which begins with `where`, when it is damaged."""
    with path.open("rb") as stream:
        yield from _batches(stream, where)


def sample(stream: Any, file: IO[bytes], _limit: int) -> None:
    """Writes the first rows of an Avro file as another."""
    reader = fastavro.reader(stream)
    fastavro.writer(file, reader.writer_schema, islice(reader, SAMPLED_ROWS))


def _batches(stream: IO[bytes], where: str) -> Iterator[pa.RecordBatch]:
    try:
        reader = fastavro.reader(stream)
        record: Any = reader.writer_schema
        types = {item["name"]: _type(item) for item in record["fields"]}
        schema = pa.schema([(name, kind) for name, kind in types.items() if kind is not None])
        records: Iterator[Any] = iter(reader)
        while rows := list(islice(records, BATCH_ROWS)):
            columns = [pa.array([_value(row[field.name]) for row in rows], type=field.type) for field in schema]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)
    except (ValueError, EOFError, IndexError, KeyError, TypeError, StopIteration, pa.ArrowException) as error:
        raise DataError(f"{where}: is not Avro, or damaged: {error}. Fetch it again.") from None


def _type(field: Mapping[str, Any]) -> pa.DataType | None:
    """Returns the type of a field's column; None of one that holds more than one value, or values of several types."""
    given = field["type"]
    options = [item for item in given if item != "null"] if isinstance(given, list) else [given]
    kinds = {_kind(option) for option in options}
    if kinds <= {"int", "long", "float", "double"} and len(kinds) > 1:
        return pa.float64()
    return TYPES.get(next(iter(kinds), "null")) if len(kinds) < 2 else None


def _kind(given: Any) -> str:
    if isinstance(given, Mapping):
        logical = given.get("logicalType")
        return str(logical if logical in TYPES else _kind(given["type"]))
    return str(given)


def _value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return str(value) if hasattr(value, "hex") and hasattr(value, "urn") else value
