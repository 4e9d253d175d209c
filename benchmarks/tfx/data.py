"""The Chicago taxi data at any size: the real 15,002 trips, then repetitions of them with seeded jitter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

JITTERED = (
    "fare",
    "tips",
    "trip_miles",
    "pickup_latitude",
    "pickup_longitude",
    "dropoff_latitude",
    "dropoff_longitude",
)
"""Columns of quantities: multiplied by 1 + 0.01 x, x from the standard normal distribution."""


def write(source: Path, target: Path, rows: int) -> None:
    """Writes `rows` trips as CSV; up to the size of `source` the first of its rows, beyond it repetitions with jitter."""
    trips = pyarrow.csv.read_csv(source)
    random = np.random.default_rng(2013)
    target.parent.mkdir(parents=True, exist_ok=True)
    plain = pyarrow.csv.WriteOptions(include_header=False)
    with target.open("wb") as file, pyarrow.csv.CSVWriter(file, trips.schema, write_options=plain) as writer:
        file.write(",".join(trips.column_names).encode() + b"\n")  # TFX takes quotes for a part of the name
        writer.write_table(trips.slice(0, rows))
        written = min(rows, trips.num_rows)
        while written < rows:
            part = _jittered(trips, random).slice(0, rows - written)
            writer.write_table(part)
            written += part.num_rows


def _jittered(trips: pa.Table, random: np.random.Generator) -> pa.Table:
    for name in JITTERED:
        factor = pa.array(1 + 0.01 * random.standard_normal(trips.num_rows))
        decimals = 6 if name.endswith("itude") else 2
        column = pc.round(pc.multiply(trips[name].cast(pa.float64()), factor), ndigits=decimals)
        trips = trips.set_column(trips.schema.get_field_index(name), name, column)
    return trips
