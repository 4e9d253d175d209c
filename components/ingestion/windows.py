"""Makes windows of rows: lists of the past values of a series, of what came after, and the row at which a forecast is made.

Rows come sorted by series and moment. They are laid on a grid of equal steps, so that a gap is a place without values; windows are
views of that grid, and only those that are whole are copied, a bounded number at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from stellwerk.columns import COLUMN_TYPES, FUTURE, list_of
from stellwerk.components.ingestion import engine
from stellwerk.components.ingestion.columns import Column
from stellwerk.components.ingestion.seasons import Seasons
from stellwerk.errors import DataError
from stellwerk.spec.data import Windows
from stellwerk.tables.grids import filled, numbers, on_grid
from stellwerk.tables.lists import lists

Array = np.ndarray[Any, Any]

BATCH_BYTES = 32 << 20
"""Of windows that are copied at a time."""


@dataclass
class Counted:
    """What became of the rows; `cut` are windows that lie across the moment at which splits are cut."""

    series: int = 0
    rows: int = 0
    doubled: int = 0
    gaps: int = 0
    short: int = 0
    longest: int = 0
    made: int = 0
    incomplete: int = 0
    cut: int = 0

    def sentences(self, windows: Windows) -> list[str]:
        """Returns what a person should know of it."""
        length, found = windows.past + windows.future, []
        if self.doubled:
            found.append(f"{self.doubled:,} rows have the moment of another row of their series, and were left out.")
        if self.gaps:
            found.append(f"{self.gaps:,} gaps lie between rows of a series.")
        if self.incomplete:
            found.append(f"{self.incomplete:,} windows have a gap or a missing value, and were left out.")
        if self.short:
            found.append(f"{self.short:,} of {self.series:,} series are shorter than a window of {length:,} steps.")
        if self.cut:
            found.append(f"{self.cut:,} windows lie across a cut between splits, and belong to none.")
        return found


@dataclass(frozen=True)
class Made:
    """Windows: their columns, and the moments of the last past and of the last value in each."""

    batch: pa.RecordBatch
    origins: Array
    ends: Array


def columns_of(columns: Sequence[Column], windows: Windows) -> list[Column]:
    """Returns the columns of the windows. Raises DataError for one that cannot be a series."""
    known = {column.name: column for column in columns}
    for name in windows.columns or ():
        base = known.get(name if name in known else name.removesuffix(FUTURE))
        if base is None or (name in known and name.endswith(FUTURE)):
            raise DataError.of_key(
                "data.windows",
                f"'{name}' cannot be made: the data need a column '{name.removesuffix(FUTURE)}', and none '{name}'.",
            )
        if base.kind not in ("int64", "float") or base.name in (*windows.key, windows.order):
            raise DataError.of_key(
                "data.windows",
                f"'{base.name}' cannot be a series: it holds {base.kind} values, or is the order or a key.",
            )
    made = [
        replace(one, kind=list_of(windows.past), from_text=False) if one.name in windows.past_columns else one
        for one in columns
    ]
    return made + [
        replace(known[windows.raw(name)], name=name, kind=list_of(windows.future), from_text=False)
        for name in windows.future_columns
    ]


def prepared(
    connection: duckdb.DuckDBPyConnection, columns: Sequence[Column], relation: str, windows: Windows
) -> tuple[list[Column], str, float]:
    """Returns the columns of the windows, the SELECT of the rows in their order, and the step between them.

    Rows of one moment come in the order of their values, so that the same one is kept each time. Raises DataError for an order that is
    no number and no moment, and where no two rows of a series follow one another.
    """
    made = columns_of(columns, windows)
    order = next(column for column in columns if column.name == windows.order)
    if not COLUMN_TYPES[order.kind].number:
        raise DataError.of_key(
            "data.windows.order",
            f"'{order.name}' is of type {order.kind}; rows are ordered by a number or a moment. Give the source `types`, or "
            "convert the column in data.query.",
        )
    called = {column.name: engine.name(column.called) for column in columns}
    keys = [called[key] for key in windows.key]
    first = [*keys, called[windows.order]]
    rest = [one for one in called.values() if one not in first]
    in_order = f"SELECT * FROM ({relation}) ORDER BY {', '.join([*first, *rest])}"
    if windows.every is not None:
        return made, in_order, windows.every
    moment, by = order.sql, f"PARTITION BY {', '.join(keys)} " if keys else ""
    gap = f"{moment} - lag({moment}) OVER ({by}ORDER BY {moment})"
    row = engine.first_row(connection, f"SELECT median(d) FROM (SELECT {gap} AS d FROM ({relation})) WHERE d > 0")
    if row is None or row[0] is None:
        raise DataError.of_key(
            "data.windows", f"no two rows of a series follow one another in '{order.name}'. Check order and key."
        )
    return made, in_order, float(row[0])


def refuse_none(windower: Windower, windows: Windows) -> None:
    """Raises DataError where no window was made, with what the series are like."""
    counted = windower.counted
    if counted.made:
        return
    said = " ".join(counted.sentences(windows))
    raise DataError.of_key(
        "data.windows",
        f"there is no window of {windows.past} + {windows.future} steps: the longest of {counted.series:,} series has "
        f"{counted.longest:,}. {said} Make past or future shorter, check order, key and every, or say gaps: last.",
    )


@dataclass
class Windower:
    """Takes rows in their order and gives windows; holds no more of a series than a window is long."""

    windows: Windows
    columns: Sequence[Column]
    """Of the windows, see `columns_of`."""
    step: float
    """Between two rows of a series, in the unit of the order."""
    target: str = ""
    """A column of single values that a window must have at its last moment."""
    seasons: Seasons | None = None
    counted: Counted = field(default_factory=Counted)
    _series: tuple[Any, ...] | None = None
    _tail: pa.RecordBatch | None = None
    _place: int = 0
    """Of the first row of the tail, in steps since the series began."""
    _length: int = 0

    def __call__(self, batch: pa.RecordBatch) -> Iterator[Made]:
        """Yields the windows that the rows of a batch complete."""
        keys = [batch.column(batch.schema.get_field_index(key)) for key in self.windows.key]
        ends = _ends_of_series(keys, batch.num_rows)
        for start, end in zip([0, *ends[:-1]], ends, strict=True):
            series = tuple(key[start].as_py() for key in keys)
            if series != self._series:
                self.finish()
                self._series, self._tail, self._place, self._length = series, None, 0, 0
                self.counted.series += 1
            yield from self._more(batch.slice(start, end - start))

    def finish(self) -> None:
        """Ends the series that is under way."""
        if self._series is not None:
            self.counted.short += self._length < self.windows.past + self.windows.future
            self.counted.longest = max(self.counted.longest, self._length)

    def _more(self, rows: pa.RecordBatch) -> Iterator[Made]:
        held = self._tail.num_rows if self._tail is not None else 0
        if self._tail is not None:
            rows = pa.Table.from_batches([self._tail, rows]).combine_chunks().to_batches()[0]
        moments = numbers(rows, self.windows.order)
        steps = np.rint(np.diff(moments) / self.step).astype(np.int64) if self.windows.gaps != "ignore" else None
        if (np.diff(moments) < 0).any():
            raise DataError(
                "ingest: the engine did not give the rows of a series in their order. Report this as a defect."
            )
        kept = np.concatenate([[True], (np.diff(moments) > 0) if steps is None else steps > 0])
        if not kept.all():
            self.counted.doubled += int((~kept).sum())
            rows = rows.filter(pa.array(kept))
            moments = moments[kept]
            steps = np.rint(np.diff(moments) / self.step).astype(np.int64) if steps is not None else None
        new = rows.num_rows - held
        self.counted.rows += new
        if steps is None:
            steps = np.ones(len(moments) - 1, np.int64)
        self.counted.gaps += int((steps[max(held - 1, 0) :] > 1).sum())
        longest = self.windows.past + self.windows.future
        farthest = longest + self.windows.past + 1  # no value is filled in over such a gap, and none longer is
        places = np.concatenate([[0], np.cumsum(np.minimum(steps, farthest))])
        yield from self._of_grid(rows, moments, places, int(places[held - 1]) + 1 if held else 0)
        self._length += int(places[-1]) + 1 - (int(places[held - 1]) + 1 if held else 0)
        kept_places = longest - 1 + (self.windows.past if self.windows.gaps == "last" else 0)
        first = min(int(np.searchsorted(places, places[-1] - kept_places + 1)), rows.num_rows - 1)
        self._tail = rows.slice(first)
        self._place += int(places[first])

    def _of_grid(self, rows: pa.RecordBatch, moments: Array, places: Array, new: int) -> Iterator[Made]:
        """Yields the windows that end at the place `new` of the grid or behind it."""
        past, future = self.windows.past, self.windows.future
        size = int(places[-1]) + 1
        row_of = np.full(size, -1)
        row_of[places] = np.arange(len(places))
        origins = np.arange(max(past - 1, new - future), size - future)
        origins = origins[(self._place + origins - (past - 1)) % self.windows.stride == 0]
        grids = {column.name: self._grid(rows, column, places, size) for column in self.columns if "[" in column.kind}
        if self.seasons is not None:
            self.seasons.add(on_grid(numbers(rows, self.seasons.column), places, size), moments, new)
        whole = row_of[origins] >= 0
        for name, grid in grids.items():
            before = np.concatenate([[0], np.cumsum(np.isnan(grid))])
            low, high = (
                (origins + 1, origins + 1 + future) if self._is_future(name) else (origins + 1 - past, origins + 1)
            )
            whole &= before[high] == before[low]
        if self.target:
            missing = np.asarray(rows.column(rows.schema.get_field_index(self.target)).is_null())
            whole &= ~missing[row_of[origins]]
        self.counted.incomplete += int((~whole).sum())
        origins = origins[whole]
        self.counted.made += len(origins)
        width = sum(past if not self._is_future(name) else future for name in grids) + len(self.columns)
        most = max(1, BATCH_BYTES // (4 * width))
        for start in range(0, len(origins), most):
            some = origins[start : start + most]
            batch = self._batch(rows, grids, row_of, some)
            ends = moments[np.maximum(row_of[some + future], 0)]
            yield Made(batch, moments[row_of[some]], ends)

    def _batch(self, rows: pa.RecordBatch, grids: dict[str, Array], row_of: Array, origins: Array) -> pa.RecordBatch:
        at = pa.array(row_of[origins])
        arrays = []
        for column in self.columns:
            if column.name not in grids:
                arrays.append(rows.column(rows.schema.get_field_index(column.name)).take(at))
                continue
            ahead = self._is_future(column.name)
            length, first = (self.windows.future, 1) if ahead else (self.windows.past, 1 - self.windows.past)
            views = np.lib.stride_tricks.sliding_window_view(grids[column.name], length)
            arrays.append(lists(views[origins + first]))
        return pa.RecordBatch.from_arrays(arrays, names=[column.name for column in self.columns])

    def _is_future(self, name: str) -> bool:
        return name in self.windows.future_columns

    def _grid(self, rows: pa.RecordBatch, column: Column, places: Array, size: int) -> Array:
        base = column.name.removesuffix(FUTURE) if self._is_future(column.name) else column.name
        grid = on_grid(numbers(rows, base), places, size)
        return filled(grid, self.windows.past) if self.windows.gaps == "last" and base == column.name else grid


def _ends_of_series(keys: Sequence[pa.Array], rows: int) -> list[int]:
    """Returns behind which rows another series begins, and the end of the batch."""
    changes = np.zeros(max(rows - 1, 0), bool)
    for key in keys:
        codes = np.asarray(key.dictionary_encode().indices.fill_null(-1))
        changes |= np.diff(codes) != 0
    return [*(np.flatnonzero(changes) + 1).tolist(), rows]
