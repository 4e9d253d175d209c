"""Tables in memory stand for files: one content, one file; the kind that comes in goes out."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stellwerk.errors import DataError, UsageError
from stellwerk.interactive.tables import like, to_arrow, with_data, written
from stellwerk.loading import load

FRAME = pd.DataFrame({"n": [1, 2, 3], "x": [0.5, np.nan, 1.5], "t": ["a", None, "c"]}, index=[7, 8, 9])
SPEC = "name: n\ndata: {sources: {%s}%s}\nfeatures: {x: {type: number}}\ntarget: {column: n, type: regression}\n"


def spec_of(folder: Path, sources: str, more: str = "") -> Path:
    path = folder / "pipeline.yaml"
    path.write_text(SPEC % (sources, more))
    return path


@pytest.mark.parametrize(
    "table",
    [
        FRAME,
        FRAME.convert_dtypes(),
        FRAME.assign(t=FRAME["t"].astype("category")),
        pl.from_pandas(FRAME),
        pl.from_pandas(FRAME).with_columns(pl.col("t").cast(pl.Categorical)),
        pl.from_pandas(FRAME).lazy(),
        pa.Table.from_pandas(FRAME, preserve_index=False),
        pa.RecordBatch.from_pandas(FRAME, preserve_index=False),
        pa.Table.from_pandas(FRAME, preserve_index=False).to_reader(),
    ],
    ids=["pandas", "nullable", "category", "polars", "categorical", "lazy", "arrow", "batch", "reader"],
)
def test_one_content_is_one_file_whatever_kind_of_table_it_comes_in(table, tmp_path: Path):
    first = written(to_arrow(pa.Table.from_pandas(FRAME, preserve_index=False)), tmp_path)
    found = to_arrow(table)
    assert found.column("t").to_pylist() == ["a", None, "c"]
    assert found.column("x").to_pylist() == [0.5, None, 1.5]
    assert written(found, tmp_path) == first
    assert [each.name for each in tmp_path.iterdir()] == [first.name]


def test_another_content_is_another_file(tmp_path: Path):
    assert written(to_arrow(FRAME), tmp_path) != written(to_arrow(FRAME.head(2)), tmp_path)


def test_types_that_only_pandas_has_become_what_a_file_can_hold():
    table = to_arrow(
        pd.DataFrame(
            {
                "period": pd.period_range("2024-01", periods=2, freq="M"),
                "sparse": pd.arrays.SparseArray([0, 1]),
                "half": np.array([0.5, 1], np.float16),
                "day": [date(2024, 1, 2), date(2024, 1, 3)],
            }
        )
    )
    assert table.column("period").to_pylist() == ["2024-01", "2024-02"]
    assert table.column("sparse").to_pylist() == [0, 1]
    assert str(table.schema.field("half").type) == "float"
    assert str(table.schema.field("day").type) == "date32[day]"


@pytest.mark.parametrize(
    ("table", "error", "says"),
    [
        (pd.DataFrame({"a": [1, "x"]}), DataError, r"column 'a' has values of several types.*astype\(str\)"),
        (pd.DataFrame({1: [1]}), UsageError, r"names of columns are texts. Received: 1\."),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), UsageError, "two columns 'a'"),
        (pd.DataFrame({"a": [1]})["a"], UsageError, "pandas or Polars DataFrame, or an Arrow table. Received: Series"),
        ([1, 2], UsageError, "Received: list"),
        (pd.DataFrame(index=[1, 2]), UsageError, "no column"),
    ],
)
def test_what_is_no_table_is_said_in_a_sentence(table, error, says):
    with pytest.raises(error, match=says):
        to_arrow(table)


def test_a_table_takes_the_place_of_the_only_source(tmp_path: Path):
    spec = with_data(load(spec_of(tmp_path, "flights: nowhere.csv")), FRAME)
    source = spec.spec.data.sources["flights"]
    assert source.format == "parquet"
    assert source.path.startswith("runs/n/.tables/")
    assert pq.read_table(tmp_path / source.path).num_rows == 3


def test_a_mapping_replaces_the_sources_that_it_names(tmp_path: Path):
    loaded = load(spec_of(tmp_path, "a: a.csv, b: b.csv", ", query: SELECT * FROM a JOIN b USING (n)"))
    sources = with_data(loaded, {"b": FRAME}).spec.data.sources
    assert sources["a"].path == "a.csv"
    assert sources["b"].path.endswith(".parquet")
    with pytest.raises(UsageError, match=r"several sources \(a, b\): say which, as data=\{'a': table\}"):
        with_data(loaded, FRAME)
    with pytest.raises(UsageError, match=r"no source 'c'.*It has: a, b"):
        with_data(loaded, {"c": FRAME})


def test_columns_are_added_to_a_table_of_its_own_kind():
    more = pa.table({"probability": [0.1, 0.2, 0.3]})
    frame = like(FRAME, more)
    assert list(frame.index) == [7, 8, 9]
    assert list(frame.columns) == ["n", "x", "t", "probability"]
    assert frame["n"].dtype == FRAME["n"].dtype
    assert isinstance(like(pl.from_pandas(FRAME), more), pl.DataFrame)
    assert like(to_arrow(FRAME), more).column_names == ["n", "x", "t", "probability"]
    with pytest.raises(UsageError, match=r"has a column 'probability' already\. Say prefix="):
        like(frame, more)
