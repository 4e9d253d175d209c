"""Keys of JSON objects that differ by case only: SQL takes them for one, and reads the second as if no object had it."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from stellwerk.components.ingestion import engine, spelling
from stellwerk.components.ingestion.files import File
from stellwerk.components.ingestion.sources.base import Request

_KEYS = (
    "SELECT keys FROM (SELECT json_keys(line) AS keys, row_number() OVER () AS place FROM {read} "
    "WHERE json_type(line) = 'OBJECT') GROUP BY keys ORDER BY min(place)"
)
_NUMBERED = re.compile(r"(.+?)(_\d+)+", re.DOTALL)


def renamed(request: Request, columns: Collection[str]) -> dict[str, str]:
    """Returns the own name of each key that SQL has to call otherwise; `columns` are those that it finds by itself.

    Only where one of these may have got a number from SQL, the keys of all objects are looked at.
    """
    known = {spelling.folded(name) for name in columns}
    numbered = map(_NUMBERED.fullmatch, columns)
    if not any(match is not None and spelling.folded(match[1]) in known for match in numbered):
        return {}
    files = engine.text_list(file.address for file in request.files)
    read = f"read_json({files}, format = 'newline_delimited', records = false, columns = {{'line': 'JSON'}})"
    found = request.connection.execute(_KEYS.format(read=read)).fetchall()
    return spelling.renamed(dict.fromkeys(key for row in found for key in row[0]))


def copied(request: Request, called: Mapping[str, str]) -> Request:
    """Copies the objects with the keys that SQL tells apart; what is no object stays as it is, and every line in its place."""
    folder = request.scratch / f"{request.name}-renamed"
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, file in enumerate(request.files):
        target = folder / f"{number:05}.jsonl"
        with target.open("wb") as to:
            to.writelines(_with_keys(row, called) for row in file.lines())
        files.append(File(file.origin, target, file.label, file.delimiter))
    return replace(request, files=tuple(files))


def _with_keys(row: bytes, called: Mapping[str, str]) -> bytes:
    try:
        value = json.loads(row, object_pairs_hook=tuple)
    except ValueError:
        return row
    if not isinstance(value, tuple):
        return row
    pairs = (f"{json.dumps(called.get(key, key))}: {json.dumps(_with_objects(inner))}" for key, inner in value)
    return f"{{{', '.join(pairs)}}}".encode() + (b"\n" if row.endswith(b"\n") else b"")


def _with_objects(value: Any) -> Any:
    """Returns a value whose objects are tuples of pairs with dicts in their place."""
    if isinstance(value, tuple):
        return {key: _with_objects(inner) for key, inner in value}
    return [_with_objects(inner) for inner in value] if isinstance(value, list) else value
