"""Rows of series as the last window of each: what a model that was trained on `data.windows` is asked for a forecast with.

Rows need no order. They are put on disk, sorted by series and moment, and laid on the grid that ingest lays them on.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stellwerk.errors import DataError
from stellwerk.serving.bulk.fitting import Fitter
from stellwerk.serving.bulk.inputs.base import BLOCK_BYTES, BadRow, Block, Position, Reader
from stellwerk.serving.bulk.inputs.left_out import AHEAD, GAP, NONE, SHORT, Left
from stellwerk.serving.bulk.inputs.moments_ahead import moment_type, moments_ahead
from stellwerk.serving.tensors import Tensor
from stellwerk.spec.data import Windows
from stellwerk.tables.grids import Array, filled, on_grid
from stellwerk.tables.lists import lists

MEMORY = "512MB"
"""What is larger goes to disk."""
ANSWERED = 1_024
"""Series of a block."""
_MOMENT, _LINE = "m", "l"


def has_rows(reader: Reader, windows: Windows, inputs: Mapping[str, Tensor]) -> bool:
    """Tells whether a file has one value a row where the model takes the list of a window."""
    names, taken = reader.schema.names, [name for name in windows.columns or () if name in inputs]
    given = [name for name in taken if name in names]
    if not given:
        return any(windows.raw(name) in names for name in taken)
    kind = reader.schema.field(given[0]).type
    if pa.types.is_nested(kind):
        return False
    if not pa.types.is_string(kind):
        return True
    first = next(reader.blocks(Position(), given[:1], BLOCK_BYTES // 64), None)
    texts = [] if first is None else [text for text in first.rows.column(0).to_pylist() if text]
    return not texts or not texts[0].lstrip().startswith("[")


class LastWindows:
    """Gives a row a series: its keys, the last moment with a value, lists of its past, and the moments that a forecast is for."""

    objects = False

    def __init__(
        self, reader: Reader, windows: Windows, inputs: Mapping[str, Tensor], nulls: tuple[str, ...], path: Path
    ) -> None:
        """`inputs` are those of the model; `nulls` are texts that mean missing. Raises DataError for rows without order, keys or values."""
        self._reader, self._windows, self._path = reader, windows, path
        self.text = reader.text
        self.size = 0
        names = reader.schema.names
        self._lists = [name for name in windows.columns or () if name in inputs]
        self._values = list(dict.fromkeys(map(windows.raw, self._lists)))
        lacking = [name for name in (windows.order, *windows.key, *self._values) if name not in names]
        if lacking:
            raise DataError(
                f"{path}: windows are made of the columns {', '.join([windows.order, *windows.key, *self._values])}, and there is no "
                f"{' and no '.join(repr(name) for name in lacking)}. Give them as data.query does. The columns are: {', '.join(names)}."
            )
        known = {windows.raw(name) for name in self._lists if name in windows.future_columns}
        self._unknown = [name for name in self._values if name not in known] or self._values
        self._known_only = not any(name not in known for name in self._values)
        tensors = [Tensor(windows.order, "double", np.dtype(np.float64), (None,))]
        tensors += [Tensor(name, "float", np.dtype(np.float32), (None,)) for name in self._values]
        self._fitter = Fitter({one.name: one for one in tensors}, nulls, as_read=True)
        self._step = float(windows.every or 1)
        kind = moment_type(reader.schema.field(windows.order).type)
        plain = [reader.schema.field(name) for name in names if name not in self._lists]
        made = [pa.field(name, pa.list_(pa.float32(), self._length(name))) for name in self._lists]
        steps = 0 if windows.gaps == "ignore" else windows.future  # nobody knows which days are days of trade
        self._moments = [f"{windows.order}_{step}" for step in range(steps)]
        self.schema = pa.schema([*plain, *made, *(pa.field(name, kind) for name in self._moments)])
        self.usual = [*windows.key, windows.order, *self._moments]
        self.left = Left(windows)

    @property
    def numerals(self) -> tuple[str, str]:
        """See `Fitter.numerals`."""
        return self._fitter.numerals

    @numerals.setter
    def numerals(self, given: tuple[str, str]) -> None:
        self._fitter.numerals = given

    def close(self) -> None:
        """Frees what reading needed."""
        self._fitter.close()
        self._reader.close()

    def blocks(self, start: Position, wanted: list[str] | None, block_bytes: int) -> Iterator[Block]:
        """Yields the series from `start` on. Raises DataError where none has a window."""
        kept = [name for name in self.schema.names if wanted is None or name in wanted]
        stored = [name for name in kept if name in self._reader.schema.names and name not in self._lists]
        stored = list(dict.fromkeys([*self._windows.key, self._windows.order, *stored]))
        self.left = Left(self._windows)
        with (
            tempfile.TemporaryDirectory(prefix="stellwerk-predict-") as folder,
            closing(_connect(folder)) as connection,
        ):
            rows = Path(folder) / "rows.parquet"
            bad, first = self._store(rows, stored, block_bytes), 0
            connection.read_parquet(str(rows)).create_view("rows")
            bad = [] if start.row else bad
            for batch, lines in self._windows_of(connection, stored, kept):
                begin = min(max(start.row - first, 0), batch.num_rows)
                first += batch.num_rows
                if begin < batch.num_rows:
                    lines_of = partial(np.asarray, lines[begin:])
                    yield Block(batch.slice(begin), replace(start, row=first), lines_of, bad)
                    bad = []
        if not first:
            yield from self._nothing(kept, bad)

    def _nothing(self, kept: list[str], bad: list[BadRow]) -> Iterator[Block]:
        """Gives the bad rows, and raises DataError: there is no series to ask about."""
        fields = [self.schema.field(name) for name in kept]
        rows = pa.RecordBatch.from_arrays([pa.array([], one.type) for one in fields], schema=pa.schema(fields))
        yield Block(rows, Position(), partial(np.zeros, 0, np.int64), bad)
        raise DataError(f"{self._path}: there is no series to ask about. {' '.join(self.left.sentences())}".rstrip())

    def _store(self, path: Path, stored: list[str], block_bytes: int) -> list[BadRow]:
        """Puts the rows that fit into a file, and returns the others: each is a gap."""
        order, writer = self._windows.order, None
        bad: list[BadRow] = []
        wanted = list(dict.fromkeys([*stored, *self._values]))
        for block in self._reader.blocks(Position(), wanted, block_bytes):
            fitted = self._fitter(block)
            bad += fitted.bad
            moments, lines = fitted.inputs[order], fitted.lines()
            there = ~np.isnan(moments)
            bad += [fitted.bad_row(int(row), f"{order}: the moment is missing") for row in np.flatnonzero(~there)]
            columns = {f"k{at}": fitted.kept.column(name) for at, name in enumerate(stored)}
            columns |= {f"v{at}": pa.array(fitted.inputs[name]) for at, name in enumerate(self._values)}
            rows = pa.table({_MOMENT: pa.array(moments), _LINE: pa.array(lines), **columns}).filter(pa.array(there))
            writer = writer or pq.ParquetWriter(path, rows.schema)
            writer.write_table(rows)
        if writer is None:
            raise DataError(f"{self._path}: there are no rows. Give a file with data.")
        writer.close()
        return sorted(bad, key=lambda one: one.line)

    def _near(self) -> str:
        """Returns the SELECT of the rows near the last value of each series, in the order of ingest."""
        windows = self._windows
        keys = [f"k{at}" for at in range(len(windows.key))]
        by = f"PARTITION BY {', '.join(keys)}" if keys else ""
        there = " OR ".join(f"NOT isnan(v{self._values.index(name)})" for name in self._unknown)
        last = f"coalesce(max({_MOMENT}) FILTER (WHERE {there}) OVER ({by}), max({_MOMENT}) OVER ({by}))"
        rest = [f"v{at}" for at in range(len(self._values))]
        in_order = ", ".join(
            [*keys, _MOMENT, *(f"CASE WHEN isnan({one}) THEN NULL ELSE {one} END" for one in rest), _LINE]
        )
        known = f"SELECT *, {last} AS o FROM rows"  # noqa: S608 - names of our own
        if windows.gaps == "ignore":
            place = f"dense_rank() OVER (PARTITION BY {', '.join([*keys, f'{_MOMENT} > o'])} ORDER BY {_MOMENT} DESC)"
            counted = f"SELECT *, {place} AS p FROM ({known})"  # noqa: S608
            return f"SELECT * FROM ({counted}) WHERE p <= {windows.past} OR {_MOMENT} > o ORDER BY {in_order}"  # noqa: S608
        back, forth = (2 * windows.past + windows.future) * self._step, (windows.future + 1) * self._step
        near = f"{_MOMENT} BETWEEN o - {back!r} AND o + {forth!r}"
        return f"SELECT * FROM ({known}) WHERE {near} ORDER BY {in_order}"  # noqa: S608

    def _windows_of(
        self, connection: duckdb.DuckDBPyConnection, stored: list[str], kept: list[str]
    ) -> Iterator[tuple[pa.RecordBatch, Array]]:
        """Yields the last windows of some series at a time, and the lines of their last rows."""
        made: list[_Made] = []
        for rows in _by_series(connection.sql(self._near()).to_arrow_reader(1 << 16), len(self._windows.key)):
            self.left.series += 1
            found = self._window(rows)
            if isinstance(found, str):
                named = [f"{key} {rows.column(f'k{at}')[0].as_py()}" for at, key in enumerate(self._windows.key)]
                self.left.add(found, ", ".join(named))
                continue
            made.append(found)
            if len(made) == ANSWERED:
                yield self._batch(made, stored, kept)
                made = []
        if made:
            yield self._batch(made, stored, kept)

    def _window(self, rows: pa.RecordBatch) -> _Made | str:
        """Returns the last window of the rows of a series, or why there is none."""
        windows = self._windows
        moments = rows.column(_MOMENT).to_numpy()
        apart = np.concatenate([[True], self._steps(moments) > 0])
        if not apart.all():
            self.left.doubled += int((~apart).sum())
            rows, moments = rows.filter(pa.array(apart)), moments[apart]
        steps = self._steps(moments) if windows.gaps != "ignore" else np.ones(len(moments) - 1)
        places = np.cumsum([0, *np.minimum(steps, 2 * windows.past + windows.future + 1)]).astype(np.int64)
        values = {name: rows.column(f"v{at}").to_numpy() for at, name in enumerate(self._values)}
        there = np.any([~np.isnan(values[name]) for name in self._unknown], axis=0)
        if not there.any():
            return NONE
        last = int(np.flatnonzero(there)[-1])
        if self._known_only:  # what is known ahead says nothing of where the past ends
            last = int(np.searchsorted(places, places[-1] - windows.future, side="right")) - 1
        end = int(places[last])
        if last < 0 or end + 1 < windows.past:
            return SHORT
        size = max(int(places[-1]), end + windows.future) + 1
        made = {name: self._list(name, on_grid(values[windows.raw(name)], places, size), end) for name in self._lists}
        for name, one in made.items():
            if np.isnan(one).any():
                return AHEAD if name in windows.future_columns else GAP
        inside = (places > end - windows.past) & (places <= end)
        return _Made(rows.slice(last, 1), made, moments[inside])

    def _steps(self, moments: Array) -> Array:
        apart = np.diff(moments)
        return apart if self._windows.gaps == "ignore" else np.rint(apart / self._step)

    def _list(self, name: str, grid: Array, end: int) -> Array:
        if name in self._windows.future_columns:
            return grid[end + 1 : end + 1 + self._windows.future]
        past = filled(grid, self._windows.past) if self._windows.gaps == "last" else grid
        return past[end + 1 - self._windows.past : end + 1]

    def _length(self, name: str) -> int:
        return self._windows.future if name in self._windows.future_columns else self._windows.past

    def _batch(self, made: list[_Made], stored: list[str], kept: list[str]) -> tuple[pa.RecordBatch, Array]:
        rows = pa.Table.from_batches([one.row for one in made]).combine_chunks().to_batches()[0]
        columns = {name: rows.column(f"k{at}") for at, name in enumerate(stored)}
        columns |= {name: lists(np.stack([one.lists[name] for one in made])) for name in self._lists}
        behind = moments_ahead(
            [one.moments for one in made], columns[self._windows.order], self._step, len(self._moments)
        )
        columns |= dict(zip(self._moments, behind, strict=True))
        wanted = [self.schema.field(name) for name in kept]
        batch = pa.RecordBatch.from_arrays(
            [_as(columns[one.name], one.type) for one in wanted], schema=pa.schema(wanted)
        )
        return batch, rows.column(_LINE).to_numpy()


@dataclass(frozen=True)
class _Made:
    row: pa.RecordBatch
    """Of the last moment."""
    lists: dict[str, Array]
    moments: Array
    """Of the rows in the past of the window."""


def _connect(folder: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": 1, "memory_limit": MEMORY, "temp_directory": folder})
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _as(column: pa.Array, kind: pa.DataType) -> pa.Array:
    return column if column.type == kind else column.cast(kind)


def _by_series(batches: Iterator[pa.RecordBatch], keys: int) -> Iterator[pa.RecordBatch]:
    """Yields the rows of each series together; they come in the order of their keys."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        ends = [batch.num_rows]
        if keys and batch.num_rows:
            codes = [
                np.asarray(pc.fill_null(batch.column(f"k{at}").dictionary_encode().indices, -1)) for at in range(keys)
            ]
            changed = np.any([np.diff(one) != 0 for one in codes], axis=0)
            ends = [*(np.flatnonzero(changed) + 1).tolist(), batch.num_rows]
        for begin, end in zip([0, *ends[:-1]], ends, strict=True):
            part = batch.slice(begin, end - begin)
            if held and not all(held[-1].column(f"k{at}")[-1].equals(part.column(f"k{at}")[0]) for at in range(keys)):
                yield _together(held)
                held = []
            held.append(part)
    if held:
        yield _together(held)


def _together(parts: list[pa.RecordBatch]) -> pa.RecordBatch:
    return parts[0] if len(parts) == 1 else pa.Table.from_batches(parts).combine_chunks().to_batches()[0]
