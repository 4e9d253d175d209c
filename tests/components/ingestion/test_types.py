"""What columns become."""

from __future__ import annotations

import datetime
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stellwerk.components.ingestion import engine
from stellwerk.components.ingestion.sources import types
from stellwerk.errors import DataError

BEYOND_THE_SAMPLE = 12_000


def _csv(header: str, line, count: int = 60) -> str:
    return header + "\n" + "".join(line(row) + "\n" for row in range(count))


def test_csv_types_are_the_narrowest_that_fit_every_value(run, write):
    header = "i,f,b,d,t,zip,s,none,n,y"
    fixed = "1,1.5,true,2013-01-01,2013-01-01T10:00:00Z,01234,N1,"
    write("rows.csv", _csv(header, lambda row: f"{fixed},{row},{row % 2}"))
    ingested = run("rows.csv")
    floats, texts = {"f"}, {"zip", "s", "none"}
    assert ingested.examples.columns == {
        name: "float" if name in floats else "string" if name in texts else "int64" for name in header.split(",")
    }
    midnight = int(datetime.datetime(2013, 1, 1, tzinfo=datetime.UTC).timestamp())
    assert next(row for row in ingested.table().to_pylist() if row["n"] == 1) == {
        "i": 1,
        "f": 1.5,
        "b": 1,
        "d": midnight,
        "t": midnight + 36_000,
        "zip": "01234",
        "s": "N1",
        "none": None,
        "n": 1,
        "y": 1,
    }


@pytest.mark.parametrize(
    ("usual", "late", "kind", "expected"),
    [
        ("7", "7.5", "float", 7.5),
        ("7", "N7", "string", "N7"),
        ("7", "9007199254740993", "int64", 9007199254740993),
        ("2013-01-01", "2013-01-01 12:00:00", "int64", 1357041600),
        ("true", "maybe", "string", "maybe"),
        ("", "7.5", "float", 7.5),
    ],
)
def test_a_value_far_down_the_file_widens_the_type_and_is_kept_as_it_is(run, write, usual, late, kind, expected):
    lines = lambda row: f"{late if row == BEYOND_THE_SAMPLE else usual},{row},{row % 2}"  # noqa: E731
    write("rows.csv", _csv("v,n,y", lines, BEYOND_THE_SAMPLE + 100))
    for query in (None, "SELECT * FROM rows"):
        ingested = run({"sources": {"rows": "rows.csv"}, "query": query})
        assert ingested.examples.columns["v"] == kind
        table = ingested.table()
        assert table.filter(pa.compute.equal(table["n"], BEYOND_THE_SAMPLE))["v"].to_pylist() == [expected]
        assert ingested.quarantine == []


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        ([], "EMPTY"),
        ([" 12 ", "-7", "+0"], "INTEGER"),
        (["7", "9223372036854775807"], "BIGINT"),
        (["7", "9223372036854775808"], "VARCHAR"),
        (["9223372036854775807", ".5", "1e3", "NaN", "-inf"], "DOUBLE"),
        (["1", "007"], "VARCHAR"),
        (["1\n2"], "VARCHAR"),
        (["true", "FALSE"], "BOOLEAN"),
        (["true", "1"], "VARCHAR"),
        (["2024-02-29"], "DATE"),
        (["2024-02-29", "2023-02-29"], "VARCHAR"),
        (["2024-02-29", "2024-02-29T12:00"], "TIMESTAMP"),
        (["2024-02-29", "2024-02-29T25:00"], "VARCHAR"),
        (["2024-02-29 12:00:00.5", "2024-02-29T12:00Z", "2024-02-29 12:00+01:30"], "TIMESTAMPTZ"),
        (["2024-02-29", "12"], "VARCHAR"),
    ],
)
def test_a_type_is_the_narrowest_of_its_texts(tmp_path: Path, texts: list[str], kind: str):
    with closing(engine.connect(tmp_path)) as connection:
        connection.execute("CREATE TABLE rows (t VARCHAR, other VARCHAR)")
        connection.execute("INSERT INTO rows SELECT unnest($1), 'a' FROM range(3)", [[*texts, None]])
        assert types.infer(connection, "SELECT * FROM rows", ["t", "other"]) == {"t": kind, "other": "VARCHAR"}


def test_types_of_the_spec_win(run, write, rows):
    write("rows.csv", rows(60))
    types = {"n": "text", "x": "text", "y": "boolean"}
    ingested = run({"sources": {"r": {"path": "rows.csv", "types": types}}})
    assert ingested.examples.columns == {"n": "string", "x": "string", "c": "string", "y": "string"}


def test_types_of_an_unknown_column_are_refused(run, write, rows):
    write("rows.csv", rows(60))
    with pytest.raises(
        DataError, match=r"`types` names the column 'nn'.*Did you mean 'n'\?|`types` names the column 'nn'"
    ):
        run({"sources": {"r": {"path": "rows.csv", "types": {"nn": "text"}}}})


def test_nan_is_missing_and_is_counted(run, tmp_path: Path):
    pq.write_table(
        pa.table({"x": [float("nan") if row % 10 == 0 else row / 2 for row in range(60)], "y": [0, 1] * 30}),
        tmp_path / "rows.parquet",
    )
    ingested = run("rows.parquet", numbers=["x"])
    assert ingested.table()["x"].null_count == 6
    assert ingested.manifest["missing_from_nan"] == {"x": 6}
    assert ingested.manifest["rows"]["written"] == 60


def test_parquet_types_become_the_four_of_examples(run, tmp_path: Path):
    moment = datetime.datetime(2013, 1, 1, 10, 0, 0, 500_000)
    columns = {
        "flag": pa.array([True] * 60),
        "small": pa.array([3] * 60, pa.uint8()),
        "price": pa.array([Decimal("1.25")] * 60),
        "day": pa.array([moment.date()] * 60),
        "at": pa.array([moment] * 60, pa.timestamp("us")),
        "image": pa.array([b"\xff\x00"] * 60),
        "kind": pa.array(["a"] * 60).dictionary_encode(),
        "n": pa.array(range(60)),
        "y": pa.array([0, 1] * 30),
    }
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    ingested = run("rows.parquet")
    seconds = int(moment.replace(tzinfo=datetime.UTC).timestamp())
    assert ingested.table().to_pylist()[0] | {"n": 0, "y": 0} == {
        "flag": 1,
        "small": 3,
        "price": 1.25,
        "day": seconds - 36_000,
        "at": seconds,
        "image": b"\xff\x00",
        "kind": "a",
        "n": 0,
        "y": 0,
    }


def test_nested_columns_that_nothing_names_are_left_out(run, tmp_path: Path):
    table = pa.table({
        "n": range(60), "tags": [["a", "b"]] * 60, "box": [{"x": 1}] * 60, "map": pa.array([[("k", 1)]] * 60, pa.map_(pa.string(), pa.int64())),
        "y": [0, 1] * 30,
    })  # fmt: skip
    pq.write_table(table, tmp_path / "rows.parquet")
    assert set(run("rows.parquet").examples.columns) == {"n", "y"}
    assert run({"sources": {"r": "rows.parquet"}, "query": "SELECT * FROM r"}, to="b").manifest["rows"]["read"] == 60


def test_nested_columns_are_to_be_taken_apart_in_the_query(run, tmp_path: Path):
    pq.write_table(pa.table({"tags": [["a", "b", "c"]] * 60, "y": [0, 1] * 30}), tmp_path / "rows.parquet")
    with pytest.raises(DataError, match=r"column 'tags' is nested .* unnest"):
        run("rows.parquet", numbers=["tags"])
    with pytest.raises(DataError, match=r"data\.split: column 'tags' is nested .* unnest"):
        run({"sources": {"r": "rows.parquet"}, "split": {"by": "hash", "key": ["tags"]}})
    split = {"by": "column", "column": "tag", "train": ["a"], "eval": ["b"], "test": ["c"]}
    query = "SELECT unnest(tags) AS tag, y FROM r"
    assert run({"sources": {"r": "rows.parquet"}, "query": query, "split": split}).manifest["rows"]["read"] == 180


def test_whole_numbers_beyond_64_bits_that_a_query_makes_are_texts(run, write, rows):
    write("rows.csv", rows(60))
    query = "SELECT *, n::HUGEINT * 9223372036854775807 AS big FROM r"
    table = run({"sources": {"r": "rows.csv"}, "query": query}).table()
    assert {row["n"]: row["big"] for row in table.to_pylist()} == {row: str(row * (2**63 - 1)) for row in range(60)}


@pytest.mark.parametrize("query", [None, "SELECT * FROM r"])
def test_whole_numbers_beyond_64_bits_stop_nothing(run, tmp_path: Path, query: str | None):
    large = [2**63 + row for row in range(60)]
    table = pa.table(
        {
            "id": pa.array(large, pa.uint64()),
            "x": pa.array(large, pa.uint64()),
            "small": pa.array(range(60), pa.uint64()),
            "y": [0, 1] * 30,
        }
    )
    pq.write_table(table, tmp_path / "rows.parquet")
    ingested = run({"sources": {"r": "rows.parquet"}, "query": query}, numbers=["x"])
    assert ingested.examples.columns == {"id": "string", "x": "float", "small": "int64", "y": "int64"}
    assert set(ingested.table()["id"].to_pylist()) == set(map(str, large))


def test_a_column_without_a_value_is_whatever_the_query_takes_it_for(run, write):
    write("rows.csv", "n,note,y\n" + "".join(f"{row},,{row % 2}\n" for row in range(60)))
    query = "SELECT n, note + 1 AS plus, coalesce(note, '-') AS text, note LIKE 'a%' AS has, y FROM rows"
    ingested = run({"sources": {"rows": "rows.csv"}, "query": query})
    assert set(ingested.table()["text"].to_pylist()) == {"-"}


@pytest.mark.parametrize("late", ["a text", "7", "7.5"])
def test_a_column_that_is_empty_at_first_takes_the_type_of_its_later_values(run, write, late: str):
    lines = [f"{row},{late if row >= BEYOND_THE_SAMPLE else ''},{row % 2}" for row in range(BEYOND_THE_SAMPLE + 60)]
    write("rows.csv", "\n".join(["n,note,y", *lines]) + "\n")
    ingested = run("rows.csv")
    assert ingested.examples.columns["note"] == {"a text": "string", "7": "int64", "7.5": "float"}[late]
    assert ingested.table()["note"].null_count == BEYOND_THE_SAMPLE
