"""Files that are packed as no reader takes them: the members of a zip, one behind the other, or a packed Parquet file."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from stellwerk.errors import DataError
from stellwerk.serving.bulk.inputs.base import Block, Position, Reader
from stellwerk.serving.bulk.inputs.copying import unpacked
from stellwerk.tables.archives import unzipped
from stellwerk.tables.formats import inner_name, kind_of


class ArchivedReader:
    """Reads all data files of an archive as one table, in the order of their names, as `ingest` does."""

    def __init__(self, path: Path, open_member: Callable[[Path], Reader]) -> None:
        """Unpacks the files to a folder that `close` removes. Raises DataError where they are not one table."""
        self.path = path
        self._folder = tempfile.TemporaryDirectory(prefix="stellwerk-predict-")
        self._readers: list[Reader] = []
        self._members: list[tuple[str, Path]] = []
        try:
            with self._told():
                self._members = list(self._unpacked())
                self._check_formats()
                self._readers += (open_member(member) for _, member in self._members)
                self.schema = self._schema()
        except BaseException:
            self.close()
            raise
        first = self._readers[0]
        self.text, self.objects = first.text, first.objects
        self.size = first.size if len(self._readers) == 1 else 0

    def _unpacked(self) -> Iterator[tuple[str, Path]]:
        folder = Path(self._folder.name)
        if self.path.suffix.lower() == ".zip":
            yield from unzipped(self.path, str(self.path), folder)
            return
        target = folder / inner_name(self.path.name)
        with unpacked(self.path) as stream, target.open("wb") as to:
            shutil.copyfileobj(stream, to, 1 << 20)
        yield target.name, target

    def _check_formats(self) -> None:
        kinds = {kind_of(name): name for name, _ in self._members}
        if len(kinds) > 1:
            mixed = ", ".join(f"{kind} ({name})" for kind, name in kinds.items())
            raise DataError(f"{self.path}: formats are mixed: {mixed}. Predict the files of each format apart.")

    def _schema(self) -> pa.Schema:
        schemas = [reader.schema for reader in self._readers]
        for (name, _), schema in zip(self._members, schemas, strict=True):
            lacking = next((one for one in schemas[0].names if one not in schema.names), None)
            if lacking is not None:
                raise DataError(
                    f"{self.path}: {name} lacks the column '{lacking}' that {self._members[0][0]} has. "
                    "All files of one archive need the same columns."
                )
        return pa.schema([(name, self._type(name, schemas)) for name in schemas[0].names])

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
    def _told(self) -> Iterator[None]:
        """Names the archive in errors in the place of the folder that only this run knows."""
        try:
            yield
        except DataError as error:
            message = str(error)
            for name, member in self._members:
                message = message.replace(str(member), f"{self.path}: {name}")
            raise DataError(message) from None

    def blocks(self, start: Position, wanted: list[str] | None, block_bytes: int) -> Iterator[Block]:
        """Yields the rows from `start` on, whose `file` says in which member that is."""
        names = self.schema.names if wanted is None else [name for name in self.schema.names if name in set(wanted)]
        schema = pa.schema([self.schema.field(name) for name in names])
        with self._told():
            for number, reader in list(enumerate(self._readers))[start.file :]:
                begin = start if number == start.file else Position(file=number)
                member = self._members[number][0] if len(self._members) > 1 else ""
                for block in reader.blocks(begin, wanted, block_bytes):
                    yield _as_one(block, schema, number, member)

    def close(self) -> None:
        """Removes the unpacked files."""
        for reader in self._readers:
            reader.close()
        self._folder.cleanup()


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
