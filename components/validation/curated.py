"""A curated schema: a person's own `.pbtxt`, and the lines at which its parts stand."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from stellwerk.errors import DataError, did_you_mean

_TOKEN = re.compile(
    r"""\#[^\n]*                       # a comment
      | "(?:\\.|[^"\\\n])*"            # a text in double quotes
      | '(?:\\.|[^'\\\n])*'            # or in single ones
      | [A-Za-z_][A-Za-z0-9_]*         # the name of a field
      | [{}<>]                         # begin and end of a message
      """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class Curated:
    """A curated schema, what to call its file, and the line of each feature and string domain (from 1)."""

    schema: schema_pb2.Schema
    text: str
    file: str
    features: dict[str, int]
    domains: dict[str, int]


def read_curated(path: Path, file: str) -> Curated:
    """Reads a curated schema; messages call it `file`.

    Raises DataError with file and line where it does not parse, names a feature twice, or names an unknown domain.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: the schema cannot be read: {error}. Give a text file in UTF-8") from error
    schema = schema_pb2.Schema()
    try:
        text_format.Parse(text, schema)
    except text_format.ParseError as error:
        what = re.sub(r"^\d+:\d+ ?: ?", "", str(error))
        raise DataError(
            f"{file}:{error.GetLine() or 1}: the schema does not parse: {what}. "
            "Correct the line; it must be a TFDV schema as text (`stellwerk schema` writes one to start from)"
        ) from error
    curated = Curated(schema, text, file, lines_of(text, "feature"), lines_of(text, "string_domain"))
    _check(curated)
    return curated


def _check(curated: Curated) -> None:
    if not curated.schema.feature:
        raise DataError(
            f"{curated.file}: the schema has no feature. Write one to start from with `stellwerk schema`, "
            "or remove validate.schema so that it is inferred"
        )
    seen: set[str] = set()
    domains = [domain.name for domain in curated.schema.string_domain]
    for feature in curated.schema.feature:
        line = curated.features.get(feature.name, 1)
        if not feature.name:
            raise DataError(f'{curated.file}: a feature has no name. Give it one: name: "..."')
        if feature.name in seen:
            raise DataError(f"{curated.file}:{line}: feature '{feature.name}' stands twice. Remove one of them")
        if feature.HasField("domain") and feature.domain not in domains:
            raise DataError(
                f"{curated.file}:{line}: feature '{feature.name}' names the domain '{feature.domain}', which does not exist."
                f'{did_you_mean(feature.domain, domains)} Add string_domain {{ name: "{feature.domain}" ... }}'
            )
        seen.add(feature.name)


def lines_of(text: str, message: str) -> dict[str, int]:
    """Returns the line on which each top-level `message` begins, by the message's `name`; the last one of a name wins."""
    lines: dict[str, int] = {}
    depth, line, begins, field, at = 0, 1, 0, "", 0
    for token in _TOKEN.finditer(text):
        word = token.group()
        line += text.count("\n", at, token.start())
        at = token.start()
        if word[0] == "#":
            continue
        if word in "{<":
            depth += 1
        elif word in "}>":
            depth -= 1
        elif word[0] in "\"'":
            if begins and depth == 1 and field == "name":
                lines[text_format.Merge(f"name: {word}", schema_pb2.Feature()).name] = begins
        else:
            field = word
            if depth == 0:
                begins = line if word == message else 0
    return lines
