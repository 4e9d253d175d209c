"""How a CSV file is written: its encoding, what divides its values, which line names the columns. Told by its first bytes.

What the spec says holds. Of the rest only what the whole beginning of the file agrees on is taken for so: a guess by one
line would turn one bad row into another table.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any

from stellwerk.errors import DataError
from stellwerk.tables.encodings import decoded, encoding_of, other_encoding

USUAL, LONGEST = 1 << 16, 1 << 22
"""Bytes that are looked at, and as many more where the first line does not end in them."""
DELIMITERS = {",": "','", ";": "';'", "|": "'|'", "\t": "a tab"}
"""What divides values where nobody says so, and how messages call it."""

_RECORDS = 200
_FEW = 3
"""Of so many rows none may have another number of values than the others, for a delimiter to be taken for one."""
_TITLED = 2
"""Rows that must stand below a title at least: the names, and one with values."""
_SEPARATOR = re.compile(r'"?sep=(.)"?[;,\t|]*\s*', re.IGNORECASE)
_DECIMAL = re.compile(r"\s*[+-]?\d*,\d+\s*")
_NUMBER = re.compile(r"[\s+\-$€£]*\d[\d.,\s]*%?")


@dataclass(frozen=True)
class Told:
    """What is known of a file before it is looked at."""

    delimiter: str | None = None
    usual: str = ","
    """What divides values where the file does not show another."""
    quote: str = '"'
    """What stands around a value that holds delimiters; nothing where quotes are only letters."""
    encoding: str = "utf-8"


@dataclass(frozen=True)
class Dialect:
    """How one file is written."""

    names: tuple[str, ...]
    delimiter: str
    quote: str
    encoding: str
    """The codec of the text; `utf-8` also where a mark stands before it."""
    skip: int
    """Lines above the one that names the columns."""
    header: int
    """Lines that the names take: more than one where a name holds a line break."""
    lone_returns: bool
    """Whether lines end in a carriage return alone, as those of old Macs."""
    multiline: bool
    """Whether there are line breaks inside of quotes at its beginning."""
    told: bool
    """Whether the delimiter is that of the spec, or the usual one."""

    @property
    def plain(self) -> bool:
        """Whether readers of UTF-8 take the file as it is."""
        return self.encoding == "utf-8" and not self.lone_returns


def recognise(start: bytes, whole: bool, label: str, told: Told) -> Dialect:
    """Returns how a file is written whose first bytes are `start`, all of them where `whole`.

    Raises DataError where they are in another encoding, name no columns, or could be divided by several delimiters.
    """
    encoding = encoding_of(start, told.encoding)
    text = _text(start, encoding, label).lstrip("\ufeff")
    lone = "\r" in text and "\n" not in text.rstrip("\0")
    text = text.replace("\r", "\n") if lone else text
    skip, said = _separator(text)
    below = text.split("\n", skip)[-1]
    delimiter = told.delimiter or said or _delimiter(below, whole, label, told)
    records = _records(below, delimiter, told.quote, whole)
    if not records:
        raise DataError(f"{label}: the first line is empty. The first line must name the columns.")
    above = _title(records)
    names = _names([values for values, _ in records[above:] if values])
    lines = _lines_before(records, above)
    return Dialect(
        names=tuple(name.strip() or f"column{position}" for position, name in enumerate(names)),
        delimiter=delimiter,
        quote=told.quote,
        encoding=encoding,
        skip=skip + lines,
        header=records[above][1] - lines,
        lone_returns=lone,
        multiline=any(last - first > 1 for first, last in _spans(records)),
        told=delimiter == (told.delimiter or told.usual),
    )


def has_header(start: bytes, told: Told) -> bool:
    """Tells whether bytes hold the whole line that names the columns."""
    try:
        text = decoded(start, encoding_of(start, told.encoding))
    except UnicodeDecodeError:
        return True
    end, ending = -1, "\n" if "\n" in text else "\r"
    while (end := text.find(ending, end + 1)) >= 0:
        if not told.quote or text.count(told.quote, 0, end) % 2 == 0:
            return True
    return False


def _text(start: bytes, encoding: str, label: str) -> str:
    """Decodes what is looked at; where it is not in the encoding, at least the first line has to be."""
    try:
        return decoded(start, encoding)
    except UnicodeDecodeError as error:
        before = start[: error.start]
        if b"\n" not in before and b"\r" not in before:
            raise DataError(
                f"{label}:1: the header is not {encoding}. Say in the source what it is, e.g. "
                f"`encoding: {other_encoding(start, encoding)}`."
            ) from None
        return start.removeprefix(b"\xef\xbb\xbf").decode(encoding, "replace")


def _separator(text: str) -> tuple[int, str | None]:
    """Returns how many lines say only what divides values, as Excel's `sep=;`, and what they say."""
    first = text.partition("\n")[0]
    said = _SEPARATOR.fullmatch(first)
    return (1, said[1]) if said else (0, None)


def _delimiter(text: str, whole: bool, label: str, told: Told) -> str:
    """Returns what divides the values: the usual, unless the rows agree on one other and not on that."""
    rows = {mark: _records(text, mark, told.quote, whole) for mark in {told.usual: 0, **dict.fromkeys(DELIMITERS, 0)}}
    for below_title in (False, True):
        found = {
            mark: _agreed(records[_title(records) if below_title else _blank(records) :])
            for mark, records in rows.items()
        }
        others = [mark for mark, columns in found.items() if columns > 1 and mark != told.usual]
        if found[told.usual] > 1:
            return _within(rows, found) if told.usual == "," else told.usual
        if len(others) > 1:
            shown = " or ".join(DELIMITERS[mark] for mark in others)
            raise DataError(
                f"{label}:1: the columns could be divided by {shown}. Say which: e.g. `delimiter: {written(others[0])}`."
            )
        if others:
            return others[0]
    return told.usual


def _within(rows: Mapping[str, Sequence[tuple[list[str], int]]], found: Mapping[str, int]) -> str:
    """Returns what divides the values where commas could: another mark that the names have too, and that makes more of every row.

    `Height, cm;Weight` above `180,5;70,2` is divided by semicolons, whose numbers have decimal commas.
    """
    for mark in (";", "|", "\t"):
        columns = found.get(mark, 0)
        if columns > found[","] or (columns > 1 and _has_decimal_commas([values for values, _ in rows[mark]])):
            return mark
    return ","


def _has_decimal_commas(rows: Sequence[Sequence[str]]) -> bool:
    """Tells whether there is a column below the names in which most values are numbers with a comma."""
    below = [values for values in rows if any(map(str.strip, values))][1:]
    columns = list(zip(*(values for values in below if len(values) == len(below[0])), strict=True)) if below else []
    return any(2 * sum(bool(_DECIMAL.fullmatch(value)) for value in column) > len(column) for column in columns)


def written(delimiter: str) -> str:
    """Returns a delimiter as a spec has it."""
    return '"\\t"' if delimiter == "\t" else f'"{delimiter}"'


def _agreed(records: Sequence[tuple[list[str], int]]) -> int:
    """Returns how many values the first row and nearly all others have; 0 where they do not agree."""
    rows = [values for values, _ in records if values]
    if not rows:
        return 0
    columns = len(_names(rows))
    return columns if _nearly_all(columns, rows[1:]) else 0


def _nearly_all(columns: int, rows: Sequence[Sequence[str]]) -> bool:
    odd = sum(len(values) != columns for values in rows)
    return odd <= max(len(rows) // 10, len(rows) > _FEW)


def _records(text: str, delimiter: str, quote: str, whole: bool) -> list[tuple[list[str], int]]:
    """Returns the first rows, each with the number of lines down to its end. Blank lines have no values."""
    quoting: dict[str, Any] = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE}
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, **quoting)
    records: list[tuple[list[str], int]] = []
    try:
        records.extend((record, reader.line_num) for record in islice(reader, _RECORDS))
    except csv.Error:  # a stray return, or a value beyond all measure: the reader of all rows will say
        return records
    return records if whole or len(records) in (1, _RECORDS) else records[:-1]


def _blank(records: Sequence[tuple[list[str], int]]) -> int:
    """Returns how many rows without a value stand above the first that has one."""
    return next((at for at, (values, _) in enumerate(records) if any(map(str.strip, values))), 0)


def _title(records: Sequence[tuple[list[str], int]]) -> int:
    """Returns how many rows stand above the one that names the columns: blank ones, and titles.

    A title is a line with one value, where nearly every row below has the same number of several.
    """
    rows = [(at, values) for at, (values, _) in enumerate(records) if any(map(str.strip, values))]
    alone = 0
    while alone < len(rows) and sum(bool(value.strip()) for value in rows[alone][1]) == 1:
        alone += 1
    below = rows[alone:]
    if not alone or len(below) < _TITLED:
        return _blank(records)
    width = len(below[0][1])
    padded = all(len(values) == 1 or len(values) == width > _TITLED for _, values in rows[:alone])
    named = all(_is_name(name) for name in below[0][1])
    fits = padded and named and width > 1 and _nearly_all(width, [values for _, values in below])
    return below[0][0] if fits else _blank(records)


def _is_name(value: str) -> bool:
    return any(map(str.isalpha, value)) and not _NUMBER.fullmatch(value.strip())


def _names(rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns the names, one for each value of a row where all rows end in a comma too many, or the names do."""
    names, lengths = list(rows[0]), {len(values) for values in rows[1:]}
    if len(lengths) != 1:
        return names
    length = lengths.pop()
    if length == len(names) + 1 and names[-1].strip() and not any(values[-1].strip() for values in rows[1:]):
        return [*names, ""]
    if 0 < length < len(names) and not any(name.strip() for name in names[length:]):
        return names[:length]
    return names


def _spans(records: Sequence[tuple[list[str], int]]) -> list[tuple[int, int]]:
    ends = [0, *(end for _, end in records)]
    return list(pairwise(ends))


def _lines_before(records: Sequence[tuple[list[str], int]], at: int) -> int:
    return records[at - 1][1] if at else 0
