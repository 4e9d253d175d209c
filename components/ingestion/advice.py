"""What to do about values that do not fit: the key of the source that reads them, or the SQL that makes them fit."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from stellwerk.components.ingestion import engine
from stellwerk.spec.data import Data
from stellwerk.tables.encodings import other_encoding
from stellwerk.tables.numerals import GROUPING, plain_mark

if TYPE_CHECKING:
    from stellwerk.components.ingestion.quarantine import Quarantine

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
_DECIMAL = re.compile(r"\s*[+-]?(\d+,\d*|,\d+)\s*")
_BOTH = re.compile(rf"\s*[+-]?\d{{1,3}}([.{GROUPING}])\d{{3}}(\1\d{{3}})*,\d+\s*")
_GROUPED = re.compile(rf"\s*[+-]?\d{{1,3}}([,{GROUPING}])\d{{3}}(\1\d{{3}})*(\.\d+)?\s*")
_CURRENCY = re.compile(r"\s*-?[$€£¥]\s*-?\d[\d.,]*\s*|\s*-?\d[\d.,]*\s*[$€£¥]\s*")
_PERCENT = re.compile(r"\s*[+-]?\d[\d.]*\s*%\s*")
_UNIT = re.compile(r"\s*[+-]?\d[\d.]*\s*[^\W\d]+\s*")
_DAY_FIRST = re.compile(r"\s*\d{1,2}([./-])\d{1,2}\1\d{2,4}.*")
_WRITTEN = (_DECIMAL, _BOTH, _GROUPED, _CURRENCY, _PERCENT, _UNIT)
"""What numbers look like that SQL does not take for numbers."""
_SHOWN = 8


def remedies(quarantine: Quarantine, data: Data) -> str:
    """Returns sentences that say what to do about the reasons for which rows were set aside, each with a blank behind it."""
    return "".join(f"{sentence} " for sentence in dict.fromkeys(_remedies(quarantine, data)))


def _remedies(quarantine: Quarantine, data: Data) -> Iterator[str]:
    for reason, _ in quarantine.by_reason.most_common(4):
        column, _, what = reason.partition(": ")
        if what in ("not a number", "not a time", "not true or false") and column in quarantine.strange:
            texts = quarantine.strange[column]
            yield times(column, texts) if what == "not a time" else numbers(column, texts, words=quarantine.words)
        elif what == "the target is missing":
            yield _target(column, quarantine, data)
        elif what.startswith("infinite"):
            quoted = engine.name(column)
            yield f"Infinity becomes missing by CASE WHEN isfinite({quoted}) THEN {quoted} END in data.query."
        elif what == "a value that names no split":
            yield "Name every value of it in data.split, or leave such rows out in data.query."
        elif reason.startswith("not ") and ":" not in reason and reason not in ("not JSON", "not an object"):
            other = other_encoding(b"", reason.removeprefix("not "))
            yield f"If the file is in another encoding, say in the source which, e.g. `encoding: {other}`."


def numbers(column: str, texts: Sequence[str], among: bool = True, words: Collection[str] = ()) -> str:
    """Returns what to do about texts that stand in a column of numbers; nothing where they are words of a category.

    `among` says whether there are numbers beside them.

    `words` are texts of the data that mean missing already; a list of the spec takes their place, so that it has to name them.
    """
    written = [text for text in texts if any(pattern.fullmatch(text) for pattern in _WRITTEN)]
    others = [text for text in texts if text not in written]
    found = [_of_written(column, written)] if written else []
    if others and (among or written):
        found.append(_of_others(column, others, words))
    return " ".join(found)


def _of_others(column: str, texts: Sequence[str], words: Collection[str]) -> str:
    if len(texts) <= _SHOWN and not any(any(map(str.isdigit, text)) for text in texts):
        named = ", ".join(_in_yaml(word) for word in dict.fromkeys([*sorted(words), *texts]))
        return (
            f"If {_listed(texts)} mean{'s' * (len(texts) == 1)} missing, say `null_values: [{named}]` for the source."
        )
    quoted = engine.name(column)
    return (
        f"Texts such as {_listed(texts[:3])} stand among numbers: make numbers of them in data.query, or missing values by "
        f"TRY_CAST({quoted} AS DOUBLE) AS {quoted}; or use type: category or text."
    )


def _of_written(column: str, texts: Sequence[str]) -> str:
    quoted = engine.name(column)
    both = {match[1] for match in map(_BOTH.fullmatch, texts) if match}
    rest = [text for text in texts if not _BOTH.fullmatch(text) and not _DECIMAL.fullmatch(text)]
    rest = [text for text in rest if not (match := _GROUPED.fullmatch(text)) or match[1] not in both]
    if len(both) == 1 and not rest:
        (mark,) = both
        cast = f"CAST(replace(replace({quoted}, {engine.text(mark)}, ''), ',', '.') AS DOUBLE)"
        keys = f'`decimal: ","` and `thousands: "{plain_mark(mark)}"`'
        return f"Numbers with a decimal comma are read with {keys} for the source, or by {cast} in data.query."
    grouped = [_GROUPED.fullmatch(text) for text in texts]
    marks = {match[1] for match in grouped if match}
    if all(grouped) and len(marks) == 1:
        mark = marks.pop()
        cast = f"CAST(replace({quoted}, {engine.text(mark)}, '') AS DOUBLE)"
        return f'Thousands are read with `thousands: "{plain_mark(mark)}"` for the source, or by {cast} in data.query.'
    if all(map(_DECIMAL.fullmatch, texts)):
        cast = f"CAST(replace({quoted}, ',', '.') AS DOUBLE)"
        return f'A decimal comma is read with `decimal: ","` for the source, or by {cast} in data.query.'
    for pattern, cast in _CASTS:
        if all(_NUMBER.fullmatch(text) or pattern.fullmatch(text) for text in texts):
            return f"Make it a number in data.query: {cast.format(quoted)} AS {quoted}."
    return f"Make it a number in data.query, e.g. CAST(regexp_extract({quoted}, '-?[0-9.]+') AS DOUBLE) AS {quoted}."


_CASTS = (
    (_CURRENCY, "CAST(regexp_replace({}, '[^0-9.-]', '', 'g') AS DOUBLE)"),
    (_PERCENT, "CAST(replace({}, '%', '') AS DOUBLE) / 100"),
    (_UNIT, "CAST(regexp_extract({}, '-?[0-9.]+') AS DOUBLE)"),
)


def times(column: str, texts: Sequence[str]) -> str:
    """Returns what to do about texts that are no times as ISO writes them."""
    quoted = engine.name(column)
    form = "%Y-%m-%d"
    match = _DAY_FIRST.fullmatch(texts[0]) if texts else None
    if match:
        parts = [re.split(r"[./-]", text)[:2] for text in texts if _DAY_FIRST.fullmatch(text)]
        month_first = any(part[1].isdigit() and int(part[1]) > 12 for part in parts)
        form = match[1].join(("%m", "%d", "%Y") if month_first else ("%d", "%m", "%Y"))
    return f"Leave its type out and make it a time in data.query: strptime({quoted}, '{form}') AS {quoted}."


def _target(column: str, quarantine: Quarantine, data: Data) -> str:
    words = [word for word in quarantine.words_of.get(column, ()) if word.strip()]
    if words:
        kept = [word for word in sorted(quarantine.words) if word not in words]
        return f"In '{column}' {_listed(words)} means missing; if it is a class, say `null_values: [{', '.join(map(_in_yaml, kept))}]`."
    if data.query is None:
        table = next(iter(data.sources))
        return f"Rows without a target are left out by `query: SELECT * FROM {table} WHERE {engine.name(column)} IS NOT NULL`."
    return f"Leave rows without a target out in data.query: WHERE {engine.name(column)} IS NOT NULL."


def _in_yaml(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _listed(words: Sequence[str]) -> str:
    shown = [repr(word) for word in words]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
