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
from stellwerk.serving.bulk.inputs.base import BadRow, Block, How, Position
from stellwerk.serving.bulk.inputs.copying import PACKED, Copy, read_start
from stellwerk.serving.bulk.inputs.pieces import Piece, pieces, undecodable
from stellwerk.tables.dialect import LONGEST, USUAL, Dialect, Told, has_header, recognise
from stellwerk.tables.encodings import transcode


class DelimitedReader:
    """Reads CSV with a header, written in any way that `ingest` reads too: what readers do not take is first made plain."""

    text = True
    objects = False

    def __init__(self, path: Path, told: Told) -> None:
        """Reads the header. Raises DataError where there is none, or where two columns have the same name."""
        self.path = path
        dialect = self._recognised(told)
        self._copy = Copy(path)
        if not dialect.plain:
            self._copy.make(lambda stream, to: transcode(stream, to, dialect.encoding, returns=dialect.lone_returns))
        self.delimiter, self._quote = dialect.delimiter, dialect.quote.encode()
        self.size = self._copy.size if self._copy.path.suffix.lower() not in PACKED else 0
        self.names = list(dialect.names)
        repeated = [name for name, count in Counter(self.names).items() if count > 1]
        if repeated:
            raise DataError(
                f"{path}:{dialect.skip + 1}: the column {repeated[0]!r} appears twice. The first line must name the columns, each once."
            )
        self.schema = pa.schema([(name, pa.string()) for name in self.names])
        self._begin = self._behind(dialect.skip + dialect.header)

    def _recognised(self, told: Told) -> Dialect:
        start, wanted = read_start(self.path, USUAL), USUAL
        if not start:
            raise DataError(f"{self.path} is empty: 0 bytes. The first line of a CSV file must name the columns.")
        if not has_header(start, told):
            start, wanted = read_start(self.path, USUAL + LONGEST), USUAL + LONGEST
        return recognise(start, len(start) < wanted, str(self.path), told)

    def _behind(self, lines: int) -> Position:
        """Returns where the first row begins, behind so many lines."""
        start, end = read_start(self._copy.path, USUAL + LONGEST), 0
        for _ in range(lines):
            found = start.find(b"\n", end)
            end = found + 1 if found >= 0 else len(start)
        return Position(end, lines + 1)

    def close(self) -> None:
        """Removes the plain copy."""
        self._copy.close()

    def blocks(self, start: Position, wanted: list[str] | None, block_bytes: int) -> Iterator[Block]:
        """Yields the rows from `start` on as text."""
        begin = start if start.offset else self._begin
        row = start.row
        for piece in pieces(self._copy.path, begin, block_bytes, self._quote, self.path):
            block = self._block(piece, wanted)
            row += block.rows.num_rows + len(block.bad)
            yield replace(block, after=replace(piece.after, row=row))

    def _block(self, piece: Piece, wanted: list[str] | None) -> Block:
        broken = undecodable(piece.content)
        content = piece.content.decode("utf-8", "replace").encode() if broken else piece.content
        misshapen: list[Any] = []
        table = self._parsed(content, wanted, misshapen)
        for row in misshapen:
            if self._quote and row.text.encode().count(self._quote) % 2:
                line = _lines(content, piece.line, self.delimiter, self._quote)[row.number - 1]
                raise DataError(f"{self.path}:{line}: a quote opens here and does not close. Close it, or double it.")
        of_records = cache(lambda: _lines(content, piece.line, self.delimiter, self._quote))

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
                delimiter=self.delimiter,
                quote_char=self._quote.decode() or False,
                newlines_in_values=True,
                invalid_row_handler=set_aside,
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


def _lines(content: bytes, first: int, delimiter: str, quote: bytes) -> np.ndarray[Any, Any]:
    """Returns the line on which each record begins; blank lines are no records."""
    ends = content.count(b"\n") + (not content.endswith(b"\n"))
    quoted = bool(quote) and quote in content
    if not quoted and b"\n\n" not in content and b"\n\r" not in content and content[:1] not in (b"\n", b"\r"):
        return np.arange(first, first + ends)
    quoting: dict[str, Any] = {"quotechar": quote.decode()} if quote else {"quoting": csv.QUOTE_NONE}
    records = csv.reader(io.StringIO(content.decode(), newline=""), delimiter=delimiter, **quoting)
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


def opened(path: Path, how: How) -> DelimitedReader:
    """Opens a file, whose ending may say that tabs stand between values."""
    return DelimitedReader(path, replace(how.told, usual="\t" if ".tsv" in path.name.lower() else ","))
