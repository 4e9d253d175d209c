"""Bad input: a clear error in one paragraph, and nothing left behind."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stellwerk.errors import DataError

FAIL = {"on_bad_rows": "fail"}


@pytest.fixture(autouse=True)
def _nothing_is_left_behind_by_a_failure(tmp_path: Path):
    yield
    assert not list(tmp_path.glob(".*.part"))
    for examples in tmp_path.glob("examples"):
        assert (examples / "dataset.json").exists()
        assert not (examples / ".scratch").exists()


def _refused(run, *args, **kwargs) -> str:
    with pytest.raises(DataError) as caught:
        run(*args, **kwargs)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_no_such_file(run, write, rows):
    write("flights.csv", rows(3))
    message = _refused(run, "fligts.csv")
    assert "no such file: 'fligts.csv'" in message
    assert "Did you mean 'flights.csv'?" in message


def test_a_glob_without_a_match(run):
    assert "no file matches 'data/*.csv'" in _refused(run, "data/*.csv")


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.parquet", "rows.csv.gz"])
def test_an_empty_file(run, write, name: str):
    write(name, "")
    assert f"{name} is empty: 0 bytes" in _refused(run, name)


@pytest.mark.parametrize("content", ["n,x,c,y\n", "n,x,c,y", "n,x,c,y\n\n\n"])
def test_a_header_and_nothing_below(run, write, content: str):
    write("rows.csv", content)
    assert "rows.csv: there is a header and no row below it" in _refused(run, "rows.csv")


@pytest.mark.parametrize("data", [{}, {"split": {"by": "hash", "key": ["tailnumber"]}}])
def test_a_missing_column(run, write, data):
    write("rows.csv", "tailnum,n,y\na,1,1\n")
    if data:
        message = _refused(run, {"sources": {"rows": "rows.csv"}, **data})
        assert "data.split: there is no column 'tailnumber' in the data. Did you mean 'tailnum'?" in message
    else:
        assert "target.column: there is no column 'late'" in _refused(run, "rows.csv", target="late")
        assert "a feature: there is no column 'm'" in _refused(run, "rows.csv", numbers=["m"])


def test_a_text_in_a_number_column_is_set_aside_with_its_line(run, write, rows):
    write("rows.csv", rows(60, {40: "40,abc,c1,1"}))
    ingested = run("rows.csv", numbers=["x"])
    assert ingested.quarantine == [
        {"source": "rows", "file": "rows.csv", "line": 42, "reason": "x: not a number", "row": "40,abc,c1,1"}
    ]
    assert ingested.manifest["sources"][0]["rejected"] == 1
    assert ingested.manifest["rows"]["by_reason"] == {"x: not a number": 1}


def test_a_text_in_a_number_column_fails_the_run_that_wants_it_so(run, write, rows):
    write("rows.csv", rows(60, {40: "40,abc,c1,1"}))
    message = _refused(run, {"sources": {"rows": "rows.csv"}, **FAIL}, numbers=["x"])
    assert "rows.csv:42: x: not a number: 40,abc,c1,1" in message
    assert "`on_bad_rows: quarantine`" in message


def test_a_text_where_the_query_gives_a_number_is_set_aside(run, write, rows):
    write("rows.csv", rows(60, {40: "40,abc,c1,1"}))
    ingested = run({"sources": {"rows": "rows.csv"}, "query": "SELECT * FROM rows"}, numbers=["x"])
    assert [(row["source"], row["reason"], row["row"]["x"]) for row in ingested.quarantine] == [
        ("query", "x: not a number", "abc")
    ]
    assert ingested.examples.columns["x"] == "float"


def test_ragged_rows_are_set_aside_with_their_lines(run, write, rows):
    write("rows.csv", rows(60, {10: "10,1", 20: "20,1,c,1,extra", 30: ""}))
    ingested = run("rows.csv")
    assert [(row["line"], row["reason"], row["row"]) for row in ingested.quarantine] == [
        (12, "too few values", "10,1"),
        (22, "too many values", "20,1,c,1,extra"),
    ]
    assert ingested.manifest["rows"]["read"] == 59


def test_too_many_bad_rows_are_no_accident(run, write, rows):
    write("rows.csv", rows(60, {row: f"{row},1" for row in range(20)}))
    message = _refused(run, "rows.csv")
    assert "20 of 60 rows are bad (33.3%)" in message
    assert "too few values (20). First rows: rows.csv:2: too few values: 0,1;" in message
    assert run({"sources": {"rows": "rows.csv"}, "max_bad_share": 0.5}).manifest["rows"]["quarantined"] == 20


def test_another_encoding_is_noticed(run, write, rows):
    content = rows(60, {5: "5,1,café,1"}).encode("latin-1")
    write("rows.csv", content)
    assert run("rows.csv", to="a").quarantine[0]["line"] == 7
    assert run("rows.csv", to="b").quarantine[0]["reason"] == "not utf-8"
    ingested = run({"sources": {"rows": {"path": "rows.csv", "encoding": "latin-1"}}}, to="c")
    assert "café" in ingested.table()["c"].to_pylist()


def test_another_encoding_in_the_header_is_named(run, write):
    write("rows.csv", "naïve,y\n1,1\n".encode("latin-1"))
    assert "rows.csv:1: the header is not utf-8" in _refused(run, "rows.csv")


@pytest.mark.parametrize("told", ["utf-8", "utf-16"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_read_with_and_without_a_mark(run, write, rows, encoding: str, told: str):
    write("rows.csv", rows(60, {5: "5,1,café,1"}).encode(encoding))
    ingested = run({"sources": {"rows": {"path": "rows.csv", "encoding": told}}})
    assert ingested.examples.columns == {"n": "int64", "x": "float", "c": "string", "y": "int64"}
    assert "café" in ingested.table()["c"].to_pylist()


def test_a_byte_order_mark_is_no_part_of_the_first_column(run, write, rows):
    write("rows.csv", rows(60).encode("utf-8-sig"))
    assert set(run("rows.csv").examples.columns) == {"n", "x", "c", "y"}


def test_duplicate_column_names(run, write):
    write("rows.csv", "n,x,n,y\n1,2,3,1\n")
    assert "rows.csv:1: duplicate column names: 'n', " in _refused(run, "rows.csv")


def test_a_target_with_one_value(run, write):
    write("rows.csv", "n,y\n" + "".join(f"{row},1\n" for row in range(60)))
    assert "'y' is 1 in all 60 rows; there is nothing to learn" in _refused(run, "rows.csv")


def test_a_target_without_values(run, write):
    write("rows.csv", "n,y\n" + "".join(f"{row},NA\n" for row in range(60)))
    assert "60 of 60 rows are bad" in _refused(run, "rows.csv")
    message = _refused(run, {"sources": {"rows": "rows.csv"}, "max_bad_share": 1})
    assert "no row is left with a value in 'y'" in message


def test_a_row_without_target_is_set_aside_with_its_line(run, write, rows):
    write("rows.csv", rows(60, {7: "short", 30: "30,1,c,NA", 50: "50,1,c,"}))
    assert [(row["line"], row["reason"]) for row in run("rows.csv").quarantine] == [
        (9, "too few values"),
        (32, "y: the target is missing"),
        (52, "y: the target is missing"),
    ]


def test_lines_are_right_in_jsonl_too(run, write):
    lines = [json.dumps({"n": row, "y": row % 2 if row != 33 else None}) for row in range(60)]
    lines[10] = "{broken"
    lines[20] = "[1, 2]"
    write("rows.jsonl", "\n".join(lines) + "\n")
    ingested = run("rows.jsonl")
    assert [(row["line"], row["reason"]) for row in ingested.quarantine] == [
        (11, "not JSON"),
        (21, "not an object"),
        (34, "y: the target is missing"),
    ]
    assert ingested.quarantine[0]["row"] == "{broken"


def test_a_text_in_a_number_of_jsonl_is_set_aside(run, write):
    write(
        "rows.jsonl", "".join(json.dumps({"x": row if row != 5 else "abc", "y": row % 2}) + "\n" for row in range(60))
    )
    ingested = run("rows.jsonl", numbers=["x"])
    assert [(row["line"], row["reason"]) for row in ingested.quarantine] == [(6, "x: not a number")]


@pytest.mark.parametrize("value", ["inf", "-inf", "1e39", "1e400"])
@pytest.mark.parametrize("query", [None, "SELECT * FROM rows"])
def test_infinity_is_set_aside_and_nan_is_missing(run, write, rows, value: str, query: str | None):
    write("rows.csv", rows(60, {3: f"3,{value},c,1", 4: "4,NaN,c,1"}))
    ingested = run({"sources": {"rows": "rows.csv"}, "query": query}, numbers=["x"])
    assert [row["reason"] for row in ingested.quarantine] == ["x: infinite, or too large for 32 bits"]
    assert ingested.quarantine[0]["line"] == (5 if query is None else None)
    assert ingested.table()["x"].null_count == 1


def test_a_regression_target_must_be_finite(run, tmp_path: Path):
    values = [math.inf, math.nan, *[row / 2 for row in range(58)]]
    pq.write_table(pa.table({"n": range(60), "y": values}), tmp_path / "rows.parquet")
    ingested = run("rows.parquet", numbers=["y"], kind="regression")
    assert [row["reason"] for row in ingested.quarantine] == [
        "y: infinite, or too large for 32 bits",
        "y: the target is missing",
    ]
    assert all(json.dumps(row, allow_nan=False) for row in ingested.quarantine)


def test_a_quote_that_does_not_close_fails_instead_of_swallowing_rows(run, write, rows):
    write("rows.csv", rows(60, {10: '10,1,"c,1'}))
    message = _refused(run, "rows.csv")
    assert "rows.csv:12: a quote opens here and does not close" in message


def test_a_stretch_of_bad_rows_longer_than_a_buffer_loses_nothing(run, write):
    """The parallel reader stops after such a stretch; the count of lines notices."""
    padding = "p" * 1000
    count, bad = 60_000, range(2_000, 38_000)
    lines = [f"{row},{'bad' if row in bad else row},{padding},{row % 2}" for row in range(count)]
    write("rows.csv", "n,x,c,y\n" + "\n".join(lines) + "\n")
    ingested = run({"sources": {"rows": "rows.csv"}, "max_bad_share": 0.9}, numbers=["x"])
    assert ingested.manifest["rows"]["read"] == count
    assert ingested.manifest["rows"]["quarantined"] == len(bad)


def test_a_query_with_a_mistake_is_explained(run, write, rows):
    write("rows.csv", rows(60))
    message = _refused(run, {"sources": {"rows": "rows.csv"}, "query": "SELECT nn FROM rows"})
    assert message.startswith('data.query: Binder Error: Referenced column "nn" not found')
    assert "LINE 1" not in message
    assert "data.query: Parser Error" in _refused(run, {"sources": {"rows": "rows.csv"}, "query": "SELEC nn"})


def test_a_query_without_rows(run, write, rows):
    write("rows.csv", rows(60))
    message = _refused(run, {"sources": {"rows": "rows.csv"}, "query": "SELECT * FROM rows WHERE n < 0"})
    assert "the query gives no rows" in message


@pytest.mark.parametrize(
    "query",
    [
        "DROP TABLE rows",
        "SELECT 1; SELECT 2",
        "COPY rows TO 'out.csv'",
        "SET threads = 4",
    ],
)
def test_a_query_is_one_select(run, write, rows, query: str):
    write("rows.csv", rows(60))
    assert "expected one SELECT" in _refused(run, {"sources": {"rows": "rows.csv"}, "query": query})


@pytest.mark.parametrize("other", ["read_csv('{path}')", "'{path}'", "read_text('{path}')", "glob('/*')"])
def test_a_query_sees_no_file_but_its_sources(run, write, rows, tmp_path: Path, other: str):
    write("rows.csv", rows(60))
    secret = write("secret.csv", "a,b\n1,2\n")
    query = f"SELECT * FROM rows, {other.format(path=secret)}"
    message = _refused(run, {"sources": {"rows": "rows.csv"}, "query": query})
    assert "disabled by configuration" in message or "does not exist" in message


def test_names_with_quotes_are_only_names(run, write):
    header = '"a""b","it\'s; DROP TABLE x",y'
    write("it's.csv", header + "\n" + "".join(f"{row},t{row},{row % 2}\n" for row in range(60)))
    ingested = run({"sources": {"rows": {"path": "it's.csv", "null_values": ["t'1"]}}}, numbers=['a"b'])
    assert set(ingested.examples.columns) == {'a"b', "it's; DROP TABLE x", "y"}
