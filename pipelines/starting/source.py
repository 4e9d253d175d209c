"""How the files are to be read: what a spec has to say of them besides where they are."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from stellwerk.components.ingestion.surveying import ColumnSurvey, Survey, survey
from stellwerk.errors import DataError, UsageError
from stellwerk.spec.data import Source
from stellwerk.spec.places import is_here
from stellwerk.tables.archives import names_in
from stellwerk.tables.formats import FORMATS, inner_name, is_data, is_medium
from stellwerk.tables.numerals import others

DELIMITERS = (";", "\t", "|")
_MOST_WORDS = 5
_SOME, _NEARLY_ALL = 0.2, 0.98
_GROUPS = {",": ",", ".": r"\.", " ": "[" + " " + others(" ") + "]", "'": "['" + others("'") + "]"}
"""What stands between groups of digits, as patterns of SQL."""
_WAYS = ((".", ","), (",", "."), (",", " "), (",", "'"), (".", " "), (".", "'"))
"""What may stand before a fraction and between groups of digits, the likelier first."""
_ADVISED = re.compile(r"`encoding: ([\w-]+)`")


@dataclass(frozen=True)
class Opened:
    """Files that could be read, how, and what is in them."""

    name: str
    """What the spec calls the source."""
    source: Source
    survey: Survey


@contextmanager
def opened(paths: Sequence[str], directory: Path) -> Iterator[Opened]:
    """Reads files, with the delimiter, the encoding and the words for missing values that they turn out to have.

    `paths` start at the working directory, those in the source at `directory`, where the spec is to be. Raises DataError for
    what is wrong with the files.
    """
    name = source_name(paths[0])
    named = [_from(directory, path) for path in paths]
    keys: dict[str, Any] = {"path": named[0] if len(named) == 1 else tuple(named), **_of_media(paths)}
    with ExitStack() as open_survey:
        while True:
            try:
                found = open_survey.enter_context(survey(name, Source(**keys), directory))
            except DataError as error:
                advised = _ADVISED.search(str(error))
                if advised is None or "encoding" in keys:
                    raise
                keys["encoding"] = advised[1]
                continue
            if found.media:
                _check_classes(name, found)
            more = _told(found, keys)
            if not more:
                yield Opened(name, Source(**keys), found)
                return
            open_survey.close()
            keys |= more


def _of_media(paths: Sequence[str]) -> dict[str, Any]:
    """Returns the key that says that each file is a row, where folders and archives hold such files and no table."""
    here = [Path(path) for path in paths if is_here(path)]
    if len(here) < len(paths):
        return {}
    names = [PurePosixPath(name) for path in here for name in names_in(path)]
    if any(map(is_data, names)):
        return {}
    wanted = ((one.name, one.media) for one in FORMATS.values() if one.media)
    found = (name for name, endings in wanted if any(is_medium(path, endings) for path in names))
    return {"format": name} if (name := next(found, None)) else {}


def _check_classes(name: str, found: Survey) -> None:
    """Raises UsageError where folders tell no classes apart."""
    label = next(column for column in found.columns if column.name not in found.media)
    if label.distinct < 2:
        where = f"in one folder ({label.least})" if label.distinct else "in no folder"
        raise UsageError(
            f"{name}: all {found.rows:,} files are {where}, and folders are the classes of pictures here. Put each class into a "
            "folder of its own, or name the classes in a table and join it by data.query: docs/guides/pictures.md shows how."
        )


def source_name(path: str) -> str:
    """Returns a name for the table: that of the file, as SQL takes it without quotes."""
    stem = PurePosixPath(inner_name(path.rstrip("/"))).name.partition(".")[0]
    name = re.sub(r"\W+", "_", stem, flags=re.ASCII).strip("_").lower()
    return name if re.match(r"[a-z_]", name) else f"data_{name}".rstrip("_")


def _from(directory: Path, path: str) -> str:
    """Returns a path as it is written in a spec that lies in `directory`; URIs stay as they are."""
    if not is_here(path) or Path(path).is_absolute():
        return path
    return os.path.relpath(Path.cwd() / path, directory)


def _told(found: Survey, keys: dict[str, Any]) -> dict[str, Any]:
    """Returns keys of the source that are missing, by what a first reading shows."""
    if "delimiter" not in FORMATS[found.format].keys:
        return {}
    if len(found.columns) == 1 and "delimiter" not in keys:
        header = found.columns[0].name
        likely = max(DELIMITERS, key=header.count)
        if likely in header:
            return {"delimiter": likely}
    if "decimal" not in keys and (marks := _marks(found)):
        return marks
    if keys.get("decimal") == "," and "thousands" not in keys:  # read without the comma, 1.234 was a fraction
        texts = [column for column in found.columns if column.kind == "text" and column.filled]
        if any(_written(found, column, ((",", "."),))[1] for column in texts):
            return {"thousands": "."}
    if "null_values" in keys:
        return {}
    words = sorted({word for column in found.columns for word in _words_among_numbers(found, column)})
    return {"null_values": (*Source.model_fields["null_values"].default, *words)} if words else {}


def _marks(found: Survey) -> dict[str, str]:
    """Returns how numbers are written where some column has them otherwise than as 1234.5: 1.234,5 or 1,234.5 or 1 234,5."""
    columns = [column for column in found.columns if column.kind == "text" and column.filled]
    read = [_written(found, column) for column in columns if (column.numeric or 0) <= (1 - _SOME) * column.filled]
    decimal = next((decimal for decimal, _ in read if decimal), "")
    thousands = next((mark for other, mark in read if mark and mark != decimal and (other or decimal) == decimal), "")
    if not decimal and not thousands:
        return {}
    keys = {"decimal": decimal or ("," if thousands == "." else ".")}
    return {**keys, "thousands": thousands} if thousands else keys


def _written(found: Survey, column: ColumnSurvey, ways: Sequence[tuple[str, str]] = _WAYS) -> tuple[str, str]:
    """Returns what stands before the fraction of a column's numbers, and between groups of digits; nothing where none shows."""
    for decimal, mark in ways:
        point, group = _GROUPS[decimal], _GROUPS[mark].replace("'", "''")
        number = rf"[+-]?(\d+|\d{{1,3}}({group}\d{{3}})+)({point}\d+)?"
        if found.share(column.name, f"regexp_full_match(trim({{}}), '{number}')") >= _NEARLY_ALL:
            fractions = found.share(column.name, f"regexp_matches({{}}, '{point}\\d+\\s*$')") > 0
            grouped = found.share(column.name, f"regexp_matches({{}}, '\\d{group}\\d{{3}}')") > 0
            return (decimal if fractions else ""), (mark if grouped else "")
    return "", ""


def _words_among_numbers(found: Survey, column: ColumnSurvey) -> list[str]:
    """Returns the few words that stand in a column of numbers where a number is missing, such as ? or -."""
    if column.kind != "text" or not column.numeric or column.numeric < 0.6 * column.filled:
        return []
    others = found.ask(
        f"SELECT DISTINCT {column.quoted} FROM surveyed WHERE {column.quoted} IS NOT NULL "
        f"AND TRY_CAST({column.quoted} AS DOUBLE) IS NULL LIMIT {_MOST_WORDS + 1}"
    )
    words = [str(row[0]) for row in others]
    fits = len(words) <= _MOST_WORDS and not any(re.search(r"\d", word) for word in words)
    return words if fits and column.distinct > _MOST_WORDS + len(words) else []
