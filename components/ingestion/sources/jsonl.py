"""JSON, an object a line or an array of objects. The engine reads it; lines it refuses are looked for, set aside, and the rest is read again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import IO, Any

import duckdb

from stellwerk.columns import GIVEN
from stellwerk.components.ingestion import engine
from stellwerk.components.ingestion.files import File
from stellwerk.components.ingestion.sources import keys
from stellwerk.components.ingestion.sources.base import Lines, MisreadError, Reject, Request, Table
from stellwerk.components.ingestion.sources.plain import copy_of
from stellwerk.errors import DataError, did_you_mean
from stellwerk.showing import listed
from stellwerk.tables.encodings import transcode
from stellwerk.tables.objects import USUAL, is_plain, repeated_key, to_lines
from stellwerk.tables.rows import cut_to_rows

SAMPLE_ROWS = 10_240


def open_table(request: Request) -> Table:
    """Opens JSONL files. A key that an object lacks is missing; nested values stay nested, for the query to take apart."""
    rejects: list[Reject] = []
    plain = [_plain(request, number, file) for number, file in enumerate(request.files)]
    originals = tuple(one.file for one in plain)
    request = replace(request, files=originals)
    if request.careful:
        request = _cleaned(request, rejects, [one.exact for one in plain])
    try:
        columns = engine.describe(request.connection, _select(request, None))
        own = keys.renamed(request, columns)
        if own:
            request = keys.copied(request, {name: inner for inner, name in own.items()})
            columns = engine.describe(request.connection, _select(request, None))
    except duckdb.Error:
        if request.careful:
            raise
        raise MisreadError from None
    if list(columns) == ["json"]:
        raise MisreadError
    columns = _typed(request, columns, own)
    engine.make_room(request.connection, len(columns))

    read = 0

    def check(rows: int) -> None:
        nonlocal read
        read = rows
        if rows + len(rejects) == 0:
            raise DataError.of_source(
                request.name, f"{request.files[0].label}: there are no rows. Give a file with data."
            )

    def lines() -> Lines | None:
        if (
            len(originals) > 1
            or not plain[0].exact
            or sum(1 for _ in _lines(originals[0], blank=True)) != read + len(rejects)
        ):
            return None
        return Lines.around((reject.line or 0 for reject in rejects), first=1)

    whole = not any(one.cut for one in plain)
    return Table(
        _select(request, columns), own=own, rejects=lambda: iter(rejects), check=check, lines=lines, whole=whole
    )


@dataclass(frozen=True)
class _Plain:
    """A file with an object a line."""

    file: File
    exact: bool = True
    """Whether its lines are those of the original."""
    cut: bool = False
    """Whether its last rows are left out."""


def _plain(request: Request, number: int, file: File) -> _Plain:
    """Returns a file as the engine reads it: arrays and marks become lines; for a glance the beginning of a large one is enough."""
    with file.unpacked() as stream:
        start = stream.read(USUAL)
    large = request.glance > 0 and (file.packed or request.cut or file.size > request.glance)
    odd = not is_plain(start)
    if not odd and not large:
        return _Plain(file)
    target = request.scratch / f"{request.name}-plain" / f"{number:05}.jsonl"
    limit = request.glance or None
    exact = True

    def write(stream: Any, to: IO[bytes]) -> None:
        nonlocal exact
        if odd:
            exact = to_lines(stream, to, file.label, limit)
        else:
            transcode(stream, to, "utf-8", limit=limit)

    copied = copy_of(file, target, write, anew=True)
    cut = limit is not None and (request.cut or copied.size >= limit)
    if cut and not odd:
        cut_to_rows(target, "")
    return _Plain(copied, exact, cut)


def _select(request: Request, columns: dict[str, str] | None) -> str:
    files = engine.text_list(file.address for file in request.files)
    sample = SAMPLE_ROWS if request.glance else -1
    how = (
        f"sample_size = {sample}, union_by_name = true, map_inference_threshold = -1"  # many keys are columns, too
        if columns is None
        else f"columns = {engine.text_struct(columns)}"
    )
    return f"SELECT * FROM read_json({files}, format = 'newline_delimited', records = true, {how})"


def _typed(request: Request, columns: dict[str, str], own: Mapping[str, str]) -> dict[str, str]:
    names = [own.get(column, column) for column in columns]
    for column in request.source.types:
        if column not in names:
            raise DataError.of_source(
                request.name,
                f"`types` names the column '{column}', which no object has."
                f"{did_you_mean(column, names)} Columns: {listed(names)}.",
            )
    told = {column: GIVEN[kind] for column, kind in request.source.types.items()}
    typed = {}
    for name, (column, kind) in zip(names, columns.items(), strict=True):
        forced = "DOUBLE" if name in request.numbers and kind in ("VARCHAR", "JSON") else kind
        typed[column] = told.get(name) or ("VARCHAR" if forced == "JSON" else forced)
    return typed


def _cleaned(request: Request, rejects: list[Reject], exact: Sequence[bool]) -> Request:
    """Copies the lines that are objects and fit to scratch; the others become rejects, with their line."""
    folder = request.scratch / f"{request.name}-cleaned"
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, file in enumerate(request.files):
        target = folder / f"{number:05}.jsonl"
        with target.open("wb") as good:
            for line, row in _lines(file):
                reason = _reason(row, request)
                if reason is None:
                    good.write(row if row.endswith(b"\n") else row + b"\n")
                else:
                    content = row.decode("utf-8", "replace").strip()[:10_000]
                    rejects.append(Reject(request.name, file.label, line if exact[number] else None, reason, content))
        files.append(File(file.origin, target, file.label, file.delimiter))
    return replace(request, files=tuple(files))


def _lines(file: File, blank: bool = False) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(file.lines(), 1):
        if blank or line.strip():
            yield number, line.removesuffix(b"\n")


def _reason(row: bytes, request: Request) -> str | None:
    try:
        value = json.loads(row, object_pairs_hook=repeated_key)
    except KeyError as error:
        return f"the key {error} stands in it twice"
    except UnicodeDecodeError:
        return "not utf-8"
    except ValueError:
        return "not JSON"
    if not isinstance(value, dict):
        return "not an object"
    for column in value:
        kind = request.source.types.get(column) or ("number" if column in request.numbers else None)
        fits = _FITS.get(kind or "")
        if fits is not None and value.get(column) is not None and not fits(value[column]):
            return f"{column}: not {'an integer' if kind == 'integer' else 'true or false' if kind == 'boolean' else 'a number'}"
    return None


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


_FITS: dict[str, Callable[[Any], bool]] = {
    "number": _is_number,
    "integer": lambda value: _is_number(value) and float(value) == int(float(value)),
    "boolean": lambda value: isinstance(value, bool) or str(value).lower() in ("true", "false", "0", "1"),
}
