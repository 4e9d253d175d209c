"""Columns whose names differ only by the case of letters, in every format: SQL takes such names for one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook

from stellwerk.components.ingestion.meaning import Uses
from stellwerk.components.ingestion.probing import probe
from stellwerk.components.ingestion.spelling import called
from stellwerk.errors import DataError
from stellwerk.spec.data import Data

ROWS = 60
NAMES = ["Age", "age", "AGE", "y", "Y"]


def _columns() -> dict[str, list]:
    numbers = np.arange(ROWS)
    return {
        "Age": (numbers + 0.5).tolist(),
        "age": (numbers % 7).tolist(),
        "AGE": [f"c{number % 3}" for number in numbers],
        "y": (numbers % 2).tolist(),
        "Y": (numbers * 10).tolist(),
    }


def _records(names: list[str], start: int, stop: int) -> list[dict]:
    columns = _columns()
    return [{name: columns[name][row] for name in names} for row in range(start, stop)]


def _csv(path: Path, names: list[str], rows: list[dict], mark: str = ",") -> None:
    lines = [mark.join(names), *(mark.join(str(row[name]) for name in names) for row in rows)]
    path.write_text("\n".join(lines) + "\n")


def _parquet(path: Path, names: list[str], rows: list[dict]) -> None:
    pq.write_table(pa.Table.from_pylist(rows).select(names), path)


def _jsonl(path: Path, names: list[str], rows: list[dict]) -> None:
    path.write_text("".join(json.dumps({name: row[name] for name in names}) + "\n" for row in rows))


def _array(path: Path, names: list[str], rows: list[dict]) -> None:
    path.write_text(json.dumps([{name: row[name] for name in names} for row in rows], indent=1))


def _excel(path: Path, names: list[str], rows: list[dict]) -> None:
    book = Workbook()
    for row in [names, *([row[name] for name in names] for row in rows)]:
        book.active.append(row)
    book.save(path)


def _avro(path: Path, names: list[str], rows: list[dict]) -> None:
    import fastavro  # noqa: PLC0415 - only here

    kinds = {"Age": "double", "AGE": "string"}
    schema = {
        "name": "row",
        "type": "record",
        "fields": [{"name": name, "type": kinds.get(name, "long")} for name in names],
    }
    with path.open("wb") as file:
        fastavro.writer(file, schema, rows)


WRITERS = {"csv": _csv, "parquet": _parquet, "jsonl": _jsonl, "json": _array, "xlsx": _excel, "avro": _avro}


@pytest.fixture(params=list(WRITERS))
def ending(request) -> str:
    return request.param


@pytest.mark.parametrize("other", [NAMES, NAMES[::-1]], ids=["the same order", "another order"])
def test_columns_keep_their_names_and_values(run, tmp_path, ending: str, other: list[str]):
    WRITERS[ending](tmp_path / f"a.{ending}", NAMES, _records(NAMES, 0, 30))
    WRITERS[ending](tmp_path / f"b.{ending}", other, _records(NAMES, 30, ROWS))
    ingested = run({"path": [f"a.{ending}", f"b.{ending}"]}, numbers=["Age", "age"])
    table = ingested.table().sort_by("Y")
    assert table.column_names == NAMES
    assert {name: table[name].to_pylist() for name in NAMES} == _columns()


def test_a_look_sees_the_same(tmp_path, ending: str):
    WRITERS[ending](tmp_path / f"a.{ending}", NAMES, _records(NAMES, 0, ROWS))
    seen = probe(Data.model_validate({"sources": {"t": f"a.{ending}"}}), tmp_path, ["Age"], "y")
    assert seen.columns == {"Age": "float", "age": "int64", "AGE": "string", "y": "int64", "Y": "int64"}
    assert {name: seen.sample[name].to_pylist() for name in NAMES} == _columns()
    assert set(seen.values("AGE").found) == {"c0", "c1", "c2"}
    assert seen.refusal is None
    assert seen.notes == ()


@pytest.mark.parametrize(
    "split",
    [
        {"by": "time", "column": "Y", "train": 0.5, "eval": 0.25, "test": 0.25},
        {"by": "time", "column": "Y", "eval_from": 300, "test_from": 450},
    ],
)
def test_the_split_goes_by_the_column_that_it_names(run, tmp_path, split: dict):
    _csv(tmp_path / "a.csv", NAMES, _records(NAMES, 0, ROWS))
    ingested = run({"sources": {"t": "a.csv"}, "split": split})
    assert ingested.split("train")["Y"].to_pylist() == list(range(0, 300, 10))
    assert min(ingested.split("test")["Y"].to_pylist()) == 450


def test_what_does_not_fit_is_told_by_the_columns_own_name(run, tmp_path):
    rows = _records(NAMES, 0, ROWS)
    rows[7]["age"] = "many"
    _csv(tmp_path / "a.csv", NAMES, rows)
    data = {"sources": {"t": {"path": "a.csv", "types": {"age": "integer"}}}, "max_bad_share": 0.1}
    assert [row["reason"] for row in run(data).quarantine] == ["age: not a number"]
    looked = probe(Data.model_validate(data), tmp_path, ["Age"], "y")
    assert "age: not a number (1)" in looked.notes[0]


def test_types_and_texts_among_numbers_are_those_of_the_column(run, tmp_path):
    rows = _records(NAMES, 0, ROWS)
    rows[3]["Age"] = "old"
    _jsonl(tmp_path / "a.jsonl", NAMES, rows)
    data = {"sources": {"t": {"path": "a.jsonl", "types": {"age": "text"}}}, "max_bad_share": 0.1}
    ingested = run(data, numbers=["Age"])
    assert ingested.quarantine[0]["reason"] == "Age: not a number"
    assert ingested.quarantine[0]["line"] == 4
    assert pa.types.is_string(ingested.table().schema.field("age").type)


QUERY = 'SELECT * FROM t WHERE "Y_2" > 90'


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl", "xlsx"])
def test_a_query_passes_the_names_on(run, tmp_path, ending: str):
    WRITERS[ending](tmp_path / f"a.{ending}", NAMES, _records(NAMES, 0, ROWS))
    data = {"sources": {"t": f"a.{ending}"}, "query": QUERY}
    data["query"] = QUERY.replace("Y_2", called(NAMES)["Y"])
    table = run(data).table().sort_by("Y")
    assert table.column_names == NAMES
    assert {name: table[name].to_pylist() for name in NAMES} == {name: all_[10:] for name, all_ in _columns().items()}
    looked = probe(Data.model_validate(data), tmp_path, ["Age"], "y", Uses.of(["Age"]))
    assert list(looked.columns) == NAMES
    assert looked.notes == (
        "t: SQL does not tell upper from lower case, so in data.query 'Age' is \"Age_1\", 'age' is \"age_2\", 'AGE' is \"AGE_3\", "
        "'y' is \"y_1\", 'Y' is \"Y_2\".",
    )


def test_a_query_that_could_mean_either_is_refused(run, tmp_path):
    _csv(tmp_path / "a.csv", NAMES, _records(NAMES, 0, ROWS))
    data = {"sources": {"t": "a.csv"}, "query": "SELECT age, y_1 AS y FROM t"}
    said = r"\"age\" not found.*in data.query 'Age' is \"Age_1\", 'age' is \"age_2\""
    with pytest.raises(DataError, match=said):
        run(data)
    with pytest.raises(DataError, match=said):
        probe(Data.model_validate(data), tmp_path, [], "y")


def test_a_query_may_call_columns_so(run, write):
    write("a.csv", "n,y\n" + "".join(f"{row},{row % 2}\n" for row in range(40)))
    table = run({"sources": {"t": "a.csv"}, "query": 'SELECT n AS "N", -n AS n, y FROM t'}).table()
    assert table.column_names == ["N", "n", "y"]
    assert table["N"].to_pylist() == [-value for value in table["n"].to_pylist()]


def test_a_number_that_is_taken_is_not_given_again():
    assert called(["Age", "age", "age_2", "b"]) == {"Age": "Age_1", "age": "age_3", "age_2": "age_2", "b": "b"}
    assert called(["Ö", "ö"]) == {"Ö": "Ö", "ö": "ö"}


def test_an_infinite_value_in_a_column_that_nothing_names_is_missing(run, write):
    write("a.csv", "x,free,y\n" + "".join(f"{row}.5,{'inf' if row == 3 else 1.5},{row % 2}\n" for row in range(40)))
    ingested = run("a.csv", numbers=["x"])
    assert ingested.quarantine == []
    assert ingested.manifest["missing_from_nan"] == {"free": 1}
    assert ingested.table()["free"].null_count == 1
    assert probe(Data.model_validate({"sources": {"t": "a.csv"}}), Path(ingested.path).parent, ["x"], "y").notes == ()


@pytest.mark.parametrize("query", [None, "SELECT *, x + 1 AS x1 FROM t", "SELECT * FROM t WHERE x > 3"])
def test_whole_numbers_beyond_64_bits_stop_no_query(run, tmp_path, query: str | None):
    rows = [{"x": row, "id": 2**63 + row if row > 50 else row, "y": row % 2} for row in range(ROWS)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    table = run({"sources": {"t": "a.jsonl"}, **({"query": query} if query else {})}, numbers=["x"]).table()
    assert {row["x"]: row["id"] for row in table.to_pylist()} == {
        row["x"]: str(row["id"]) for row in rows if query is None or "WHERE" not in query or row["x"] > 3
    }
