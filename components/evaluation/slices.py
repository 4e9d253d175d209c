"""Slices of the examples by the values of raw columns, single or crossed, numbered as they appear."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stellwerk.tasks.counts import Array

MISSING = "(missing)"
"""What a missing value, or an empty string, is called as the value of a slice."""

SliceKey = tuple[tuple[str, "str | int"], ...]
"""Columns and values that make a slice, in the order of the spec; the whole split is `()`."""


class Slices:
    """Gives every row the numbers of the slices it is in: number 0 is the whole split, then one for each entry of `specs`."""

    def __init__(self, specs: Sequence[tuple[str, ...]]) -> None:
        self.specs: list[tuple[str, ...]] = [(), *dict.fromkeys(specs)]
        self.keys: list[SliceKey] = [()]
        self._numbers: dict[SliceKey, int] = {(): 0}

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def columns(self) -> list[str]:
        """The raw columns that the slices need."""
        return list(dict.fromkeys(column for spec in self.specs for column in spec))

    def groups(self, batch: pa.RecordBatch, keep: Array | None = None) -> list[Array]:
        """Returns for each spec the slice number of every row (int64 [rows]); `keep` takes only some rows."""
        coded = {column: _codes(batch.column(column), keep) for column in self.columns}
        rows = batch.num_rows if keep is None else int(np.count_nonzero(keep))
        return [self._group(spec, coded, rows) for spec in self.specs]

    def take(self, keys: Sequence[SliceKey]) -> Array:
        """Returns the numbers here (int64) of slices that were numbered elsewhere."""
        return np.array([self._number(key) for key in keys], np.int64)

    def order(self) -> list[int]:
        """Returns the slice numbers in the order to show them: by spec, then by value."""
        places = {spec: place for place, spec in enumerate(self.specs)}
        return sorted(
            range(len(self.keys)),
            key=lambda number: (
                places[tuple(column for column, _ in self.keys[number])],
                [(isinstance(value, str), value) for _, value in self.keys[number]],
            ),
        )

    def _group(self, spec: tuple[str, ...], coded: dict[str, _Coded], rows: int) -> Array:
        combined = np.zeros(rows, np.int64)
        members = np.zeros((1, 0), np.int64)
        for column in spec:
            codes, values = coded[column]
            present, combined = np.unique(combined * len(values) + codes, return_inverse=True)
            before, code = np.divmod(present, max(len(values), 1))
            members = np.column_stack([members[before], code])
        lists = [coded[column][1] for column in spec]
        numbers = [
            self._number(tuple((column, values[code]) for column, values, code in zip(spec, lists, row, strict=True)))
            for row in members.tolist()
        ]
        group: Array = np.asarray(numbers, np.int64)[combined.reshape(-1)]
        return group

    def _number(self, key: SliceKey) -> int:
        number = self._numbers.setdefault(key, len(self.keys))
        if number == len(self.keys):
            self.keys.append(key)
        return number


_Coded = tuple[Array, "list[str | int]"]


def _codes(column: pa.Array, keep: Array | None) -> _Coded:
    """Returns each row's place in a list of the distinct values."""
    if keep is not None:
        column = column.filter(pa.array(keep))
    if pa.types.is_string(column.type):
        column = pc.fill_null(column, "")
    encoded = column.dictionary_encode()
    values: list[Any] = encoded.dictionary.to_pylist()
    codes = encoded.indices.fill_null(len(values)).to_numpy(zero_copy_only=False).astype(np.int64)
    return codes, [MISSING if value == "" else value for value in values] + [MISSING]
