"""CSV: every value is text; what the model takes becomes numbers later, what is kept stays as it is written."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from stellwerk.errors import DataError
from stellwerk.serving.bulk.inputs.base import BadRow, Block, Position
from stellwerk.serving.bulk.inputs.pieces import BOM, Piece, pieces, undecodable

_BYTE_ORDERS = (b"\xff\xfe", b"\xfe\xff")


class DelimitedReader:
    """Reads CSV in UTF-8 with a header."""

    text = True

    def __init__(self, path: Path, delimiter: str) -> None:
        """Reads the header. Raises DataError where there is none, or where two columns have the same name."""
        self.path = path
        self.delimiter = delimiter
        self.size = path.stat().st_size if path.suffix.lower() in (".csv", ".tsv") else 0
        first = next(pieces(path, Position(), 1 << 16, quotes=True), None)
        if first is None:
            raise DataError(f"{path} is empty: 0 bytes. The first line of a CSV file must name the columns.")
        if first.content.startswith(_BYTE_ORDERS):
            raise DataError(f"{path}: is utf-16. Convert it to utf-8, e.g. with `iconv -f utf-16 -t utf-8`.")
        reader, end = self._header(first.content)
        self.names = [name.strip() or f"column{position}" for position, name in enumerate(reader)]
        repeated = [name for name, count in Counter(self.names).items() if count > 1]
        if not self.names or repeated:
            what = f"the column {repeated[0]!r} appears twice" if repeated else "the first line is empty"
            raise DataError(f"{path}:1: {what}. The first line must name the columns, each once.")
        self.schema = pa.schema([(name, pa.string()) for name in self.names])
        self._begin = end

    def _header(self, content: bytes) -> tuple[list[str], Position]:
        """Returns the values of the first row, and where the second begins."""
        text = content[len(BOM) :] if content.startswith(BOM) else content
        undecoded = text.decode("utf-8", "surrogateescape")
        records = csv.reader(io.StringIO(undecoded, newline=""), delimiter=self.delimiter)
        names = next(records, [])
        lines = undecoded.split("\n")[: records.line_num]
        length = len("\n".join(lines).encode("utf-8", "surrogateescape")) + (len(undecoded.split("\n")) > len(lines))
        try:
            text[:length].decode()
        except UnicodeDecodeError:
            raise DataError(f"{self.path}:1: the header is not utf-8. Convert the file to utf-8.") from None
        return names, Position(len(content) - len(text) + length, records.line_num + 1)

    def blocks(self, start: Position, wanted: list[str] | None, block_bytes: int) -> Iterator[Block]:
        """Yields the rows from `start` on as text."""
        begin = start if start.offset else self._begin
        row = start.row
        for piece in pieces(self.path, begin, block_bytes, quotes=True):
            block = self._block(piece, wanted)
            row += block.rows.num_rows + len(block.bad)
            yield replace(block, after=replace(piece.after, row=row))

    def _block(self, piece: Piece, wanted: list[str] | None) -> Block:
        broken = undecodable(piece.content)
        content = piece.content.decode("utf-8", "replace").encode() if broken else piece.content
        misshapen: list[Any] = []
        table = self._parsed(content, wanted, misshapen)
        for row in misshapen:
            if row.text.count('"') % 2:
                line = _lines(content, piece.line, self.delimiter)[row.number - 1]
                raise DataError(f"{self.path}:{line}: a quote opens here and does not close. Close it, or double it.")
        of_records = cache(lambda: _lines(content, piece.line, self.delimiter))

        def lines() -> np.ndarray[Any, Any]:
            left_out = np.array([row.number - 1 for row in misshapen], np.int64)
            return np.delete(of_records(), left_out)

        bad = [BadRow(int(of_records()[row.number - 1]), _shape(row), row.text) for row in misshapen]
        batch = table.combine_chunks().to_batches()
        rows = (
            batch[0]
            if batch
            else pa.RecordBatch.from_arrays([column.combine_chunks() for column in table.columns], table.column_names)
        )
        block = Block(rows, piece.after, lines, bad)
        return _without(block, {piece.line + number for number in broken}) if broken else block

    def _parsed(self, content: bytes, wanted: list[str] | None, misshapen: list[Any]) -> pa.Table:
        def set_aside(row: Any) -> str:
            misshapen.append(row)
            return "skip"

        names = self.names if wanted is None else [name for name in self.names if name in set(wanted)]
        if not content.strip():
            return pa.table({name: pa.array([], pa.string()) for name in names})
        return pyarrow.csv.read_csv(
            io.BytesIO(content),
            read_options=pyarrow.csv.ReadOptions(
                column_names=self.names, use_threads=False, block_size=len(content) + 1
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=self.delimiter, newlines_in_values=True, invalid_row_handler=set_aside
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                include_columns=names,
                column_types=dict.fromkeys(self.names, pa.string()),
                null_values=[],
                strings_can_be_null=False,
                check_utf8=False,
            ),
        )


def _shape(row: Any) -> str:
    return "too few values" if row.actual_columns < row.expected_columns else "too many values"


def _lines(content: bytes, first: int, delimiter: str) -> np.ndarray[Any, Any]:
    """Returns the line on which each record begins; blank lines are no records."""
    ends = content.count(b"\n") + (not content.endswith(b"\n"))
    if b'"' not in content and b"\n\n" not in content and b"\n\r" not in content and content[:1] not in (b"\n", b"\r"):
        return np.arange(first, first + ends)
    records = csv.reader(io.StringIO(content.decode(), newline=""), delimiter=delimiter)
    lines, before = [], 0
    for record in records:
        if record:
            lines.append(first + before)
        before = records.line_num
    return np.array(lines, np.int64)


def _without(block: Block, broken: set[int]) -> Block:
    """Moves the rows that begin on the lines `broken` to the bad ones: their bytes are not UTF-8."""
    lines = block.lines()
    wrong = np.isin(lines, list(broken))
    texts = block.rows.filter(pa.array(wrong)).to_pylist()
    bad = [BadRow(int(line), "not utf-8", row) for line, row in zip(lines[wrong], texts, strict=True)]
    kept = lines[~wrong]
    rows = block.rows.filter(pa.array(~wrong))
    return replace(block, rows=rows, lines=lambda: kept, bad=sorted([*block.bad, *bad], key=lambda one: one.line))
