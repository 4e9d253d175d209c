"""JSONL: one object a line. Types are those of the first rows; a line that does not fit them is looked at alone."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.json

from stellwerk.errors import DataError
from stellwerk.serving.bulk.inputs.base import BadRow, Block, How, Position
from stellwerk.serving.bulk.inputs.copying import PACKED, Copy, read_start
from stellwerk.serving.bulk.inputs.pieces import BOM, Piece, pieces
from stellwerk.tables.objects import USUAL, is_plain, to_lines

_SAMPLE_BYTES = 1 << 20


class JsonlReader:
    """Reads one object a line, in UTF-8."""

    text = False
    objects = True

    def __init__(self, path: Path, floats: Collection[str] = ()) -> None:
        """Looks at the first rows for names and types; whole numbers in the columns `floats` may have fractions later."""
        self.path = path
        self._copy = Copy(path)
        start = read_start(path, USUAL)
        if start and not is_plain(start.removeprefix(BOM)):
            self._copy.make(lambda stream, to: to_lines(stream, to, str(path)))
        self.size = self._copy.size if self._copy.path.suffix.lower() not in PACKED else 0
        first = next(pieces(self._copy.path, Position(), _SAMPLE_BYTES, b""), None)
        rows = _objects(first, [])[1] if first else []
        if first and first.content.strip() and not any(rows):
            raise DataError(f"{path}: no line at its beginning is a JSON object with keys. Give one object a line.")
        seen: dict[str, list[Any]] = {}
        for row in rows:
            for name, value in row.items():
                seen.setdefault(name, []).append(value)
        self.schema = pa.schema([(name, _type(values, name in floats)) for name, values in seen.items()])
        self.names: list[str] = self.schema.names

    def close(self) -> None:
        """Removes the plain copy."""
        self._copy.close()

    def blocks(self, start: Position, wanted: list[str] | None, block_bytes: int) -> Iterator[Block]:
        """Yields the rows from `start` on; an object that lacks a key has a missing value there."""
        names = self.names if wanted is None else [name for name in self.names if name in set(wanted)]
        schema = pa.schema([self.schema.field(name) for name in names])
        row = start.row
        for piece in pieces(self._copy.path, start, block_bytes, b"", self.path):
            if not names and piece.content.strip():
                raise DataError(f"{self.path}:{piece.line}: there are only blank lines before. Leave them out.")
            block = _quick(piece, schema) or _careful(piece, schema)
            row += block.rows.num_rows + len(block.bad)
            yield replace(block, after=replace(piece.after, row=row))


def _type(values: list[Any], as_float: bool) -> pa.DataType:
    """Returns the narrowest type for values of JSON; what fits none is kept as JSON text."""
    kinds = {type(value) for value in values if value is not None} | ({float} if as_float else set())
    if kinds == {bool}:
        return pa.bool_()
    if kinds == {int} and all(-(2**63) <= value < 2**63 for value in values if value is not None):
        return pa.int64()
    return pa.float64() if kinds and kinds <= {int, float, bool} else pa.string()


def _quick(piece: Piece, schema: pa.Schema) -> Block | None:
    """Parses a piece as a whole; None where it has anything unusual: blank or broken lines, values of another type."""
    texts = piece.content.removeprefix(BOM if piece.line == 1 else b"").rstrip(b"\r\n").split(b"\n")
    try:
        table = pyarrow.json.read_json(
            io.BytesIO(piece.content.removeprefix(BOM)),
            read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(piece.content) + 1),
            parse_options=pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
        )
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
    if table.num_rows != len(texts) or not all(text.lstrip().startswith(b"{") for text in texts):
        return None
    batches = table.combine_chunks().to_batches()
    lines = np.arange(piece.line, piece.line + len(texts))
    return Block(batches[0], piece.after, lambda: lines, heads=_heads(texts))


def _careful(piece: Piece, schema: pa.Schema) -> Block:
    """Parses a piece line by line."""
    bad: list[BadRow] = []
    lines, rows, texts = _objects(piece, bad)
    columns: dict[str, list[Any]] = {name: [] for name in schema.names}
    good: list[int] = []
    for index, row in enumerate(rows):
        try:
            values = {field.name: _CONVERTERS[field.type](row.get(field.name), field.name) for field in schema}
        except ValueError as error:
            bad.append(BadRow(lines[index], str(error), row))
            continue
        good.append(index)
        for name, value in values.items():
            columns[name].append(value)
    numbers = np.array([lines[index] for index in good], np.int64)
    batch = pa.RecordBatch.from_arrays(
        [pa.array(columns[name], schema.field(name).type) for name in columns], schema=schema
    )
    heads = _heads([texts[index] for index in good])
    return Block(batch, piece.after, lambda: numbers, sorted(bad, key=lambda one: one.line), heads)


def _objects(piece: Piece, bad: list[BadRow]) -> tuple[list[int], list[dict[str, Any]], list[bytes]]:
    """Returns line, value and text of each object of a piece; the other lines are added to `bad`."""
    lines, rows, texts = [], [], []
    content = piece.content.removeprefix(BOM) if piece.line == 1 else piece.content
    for line, text in enumerate(content.split(b"\n"), piece.line):
        if not text.strip():
            continue
        try:
            value = json.loads(text)
            reason = None if isinstance(value, dict) else "not an object"
        except UnicodeDecodeError:
            reason = "not utf-8"
        except (ValueError, RecursionError):
            reason = "not JSON"
        if reason is None:
            lines.append(line)
            rows.append(value)
            texts.append(text)
        else:
            bad.append(BadRow(line, reason, text.decode("utf-8", "backslashreplace").strip()[:10_000]))
    return lines, rows, texts


def _heads(texts: list[bytes]) -> pa.Array:
    return pa.array([text.rstrip()[:-1].rstrip() for text in texts], pa.binary())


def _number(value: Any, name: str) -> float | None:
    if value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name}: not a number") from None


def _whole(value: Any, name: str) -> int | None:
    number = _number(value, name)
    if number is None or number != number:  # noqa: PLR0124 - NaN is missing
        return None
    if not isinstance(value, int) and number != int(number):
        raise ValueError(f"{name}: not a whole number, as in the first rows")
    whole = int(value) if isinstance(value, int) else int(number)
    if not -(2**63) <= whole < 2**63:
        raise ValueError(f"{name}: too large for 64 bits")
    return whole


def _truth(value: Any, name: str) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise ValueError(f"{name}: not true or false, as in the first rows")
    return value


def _text(value: Any, _name: str) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


_CONVERTERS: dict[pa.DataType, Callable[[Any, str], Any]] = {
    pa.float64(): _number,
    pa.int64(): _whole,
    pa.bool_(): _truth,
    pa.string(): _text,
}


def opened(path: Path, how: How) -> JsonlReader:
    """Opens a file."""
    return JsonlReader(path, how.floats)
