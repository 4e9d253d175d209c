"""Several files that are one table, as `ingest` reads them: those of a folder, of a pattern, of an archive."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from stellwerk.errors import DataError
from stellwerk.serving.bulk.inputs.base import Block, Position, Reader
from stellwerk.tables.formats import kind_of


@dataclass(frozen=True)
class Member:
    """One of the files."""

    name: str
    """What tells it from the others."""
    label: str
    """What messages call it."""
    file: Path
    """What is read: of an archive, what was unpacked, which only this run knows."""


class TogetherReader:
    """Reads files as one table, one behind the other; archives among them give theirs."""

    def __init__(self, path: Path, members: Iterable[Member], open_member: Callable[[Path], Reader]) -> None:
        """`path` is what they are called together. Raises DataError where they are not one table."""
        self.path = path
        self._opened: list[Reader] = []
        self.parts: list[tuple[Member, Reader]] = []
        members = list(members)
        self._check_formats(members)
        try:
            with self._told(members):
                for member in members:
                    self._add(member, open_member(member.file))
            self._check_formats([member for member, _ in self.parts])
            self.schema = self._schema()
        except BaseException:
            self.close()
            raise
        _, first = self.parts[0]
        self.text, self.objects = first.text, first.objects
        self.size = first.size if len(self.parts) == 1 else 0

    def _add(self, member: Member, reader: Reader) -> None:
        self._opened.append(reader)
        if isinstance(reader, TogetherReader):
            self.parts += [(replace(one, name=f"{member.name}: {one.name}"), inner) for one, inner in reader.parts]
        else:
            self.parts.append((member, reader))

    def _check_formats(self, members: Iterable[Member]) -> None:
        kinds = {kind: member.name for member in members if (kind := kind_of(member.name)) is not None}
        if len(kinds) > 1:
            mixed = ", ".join(f"{kind} ({name})" for kind, name in kinds.items())
            raise DataError(f"{self.path}: formats are mixed: {mixed}. Predict the files of each format apart.")

    def _schema(self) -> pa.Schema:
        (first, reader), *_ = self.parts
        schemas = [reader.schema for _, reader in self.parts]
        for (member, _), schema in zip(self.parts, schemas, strict=True):
            lacking = next((one for one in reader.schema.names if one not in schema.names), None)
            if lacking is not None:
                raise DataError(
                    f"{self.path}: {member.name} lacks the column '{lacking}' that {first.name} has. "
                    "All files that are predicted together need the same columns."
                )
        return pa.schema([(name, self._type(name, schemas)) for name in reader.schema.names])

    def _type(self, column: str, schemas: list[pa.Schema]) -> pa.DataType:
        """Returns the type that a column has in all files, or that fits the numbers that it is in some."""
        kinds = list(dict.fromkeys(schema.field(column).type for schema in schemas))
        kinds = [kind for kind in kinds if not pa.types.is_null(kind)] or kinds
        if len(kinds) == 1:
            return kinds[0]
        if all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in kinds):
            return pa.float64()
        listed = " and ".join(map(str, kinds))
        raise DataError(f"{self.path}: the column '{column}' is {listed} in its files. Predict them apart.")

    @contextmanager
    def _told(self, members: Iterable[Member]) -> Iterator[None]:
        """Calls a file in errors what people call it."""
        try:
            yield
        except DataError as error:
            message = str(error)
            for member in members:
                message = message.replace(str(member.file), member.label)
            raise DataError(message) from None

    def blocks(self, start: Position, wanted: list[str] | None, block_bytes: int) -> Iterator[Block]:
        """Yields the rows from `start` on, whose `file` says in which of the files that is."""
        names = self.schema.names if wanted is None else [name for name in self.schema.names if name in set(wanted)]
        schema = pa.schema([self.schema.field(name) for name in names])
        for number, (member, reader) in list(enumerate(self.parts))[start.file :]:
            begin = start if number == start.file else Position(file=number)
            name = member.name if len(self.parts) > 1 else ""
            with self._told([member]):
                for block in reader.blocks(begin, wanted, block_bytes):
                    yield _as_one(block, schema, number, name)

    def close(self) -> None:
        """Closes them all."""
        for reader in self._opened:
            reader.close()


def _as_one(block: Block, schema: pa.Schema, number: int, member: str) -> Block:
    """Returns a block of a member as one of the whole: with all columns, in the types that fit every member."""
    have = dict(zip(block.rows.schema.names, block.rows.columns, strict=True))
    arrays = [
        have[field.name].cast(field.type) if field.name in have else pa.nulls(block.rows.num_rows, field.type)
        for field in schema
    ]
    rows = pa.RecordBatch.from_arrays(arrays, schema=schema)
    bad = [replace(row, reason=f"{member}: {row.reason}" if member else row.reason) for row in block.bad]
    return replace(block, rows=rows, after=replace(block.after, file=number), bad=bad, member=member)
