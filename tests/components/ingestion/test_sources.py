"""Formats, packings and paths."""

from __future__ import annotations

import bz2
import datetime
import gzip
import json
import zipfile
from pathlib import Path

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from stellwerk.errors import DataError

COUNT = 60
KINDS = {"n": "int64", "x": "float", "c": "string", "y": "int64"}


@pytest.fixture
def table() -> pa.Table:
    return pa.table(
        {
            "n": list(range(COUNT)),
            "x": [row / 4 if row % 9 else None for row in range(COUNT)],
            "c": [f"c{row % 7}" if row % 11 else None for row in range(COUNT)],
            "y": [row % 2 for row in range(COUNT)],
        }
    )


def _assert_same(ingested, table: pa.Table) -> None:
    assert ingested.examples.columns == KINDS
    found = sorted(ingested.table().to_pylist(), key=lambda row: row["n"])
    assert found == table.to_pylist()
    assert ingested.quarantine == []
    assert ingested.manifest["rows"] == {
        "read": COUNT,
        "written": COUNT,
        "quarantined": 0,
        "rejected_before_query": 0,
        "by_reason": {},
    }


def _csv(table: pa.Table) -> str:
    lines = [",".join("NA" if value is None else str(value) for value in row.values()) for row in table.to_pylist()]
    return "\n".join([",".join(table.column_names), *lines]) + "\n"


def _jsonl(table: pa.Table) -> str:
    return "".join(json.dumps(row) + "\n" for row in table.to_pylist())


@pytest.mark.parametrize("packed", [False, True])
def test_lines_may_end_in_both_ways(run, write, table, packed):
    text = _csv(table).encode()
    first, rest = text.split(b"\n", 1)
    mixed = first + b"\r\n" + rest.replace(b"\n", b"\r\n", 50)
    name = "rows.csv.gz" if packed else "rows.csv"
    write(name, gzip.compress(mixed) if packed else mixed)
    _assert_same(run(name, numbers=["x"]), table)


def test_csv_is_read_plain_and_packed(run, write, table, tmp_path: Path):
    text = _csv(table).encode()
    write("rows.csv", text)
    write("rows.csv.gz", gzip.compress(text))
    with pa.output_stream(str(tmp_path / "rows.csv.zst"), compression="zstd") as stream:
        stream.write(text)
    with zipfile.ZipFile(tmp_path / "rows.csv.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner/rows.csv", text)
        archive.writestr("README", "not data")
    for name in ("rows.csv", "rows.csv.gz", "rows.csv.zst", "rows.csv.zip"):
        _assert_same(run(name, to=name + ".out"), table)


def test_tabs_separate_values_in_tsv_and_any_character_that_the_spec_names(run, write, table):
    write("rows.tsv", _csv(table).replace(",", "\t"))
    write("rows.txt", _csv(table).replace(",", "|"))
    _assert_same(run("rows.tsv", to="a"), table)
    _assert_same(run({"sources": {"r": {"path": "rows.txt", "delimiter": "|"}}}), table)


def test_parquet_is_read(run, table, tmp_path: Path):
    pq.write_table(table, tmp_path / "rows.parquet")
    _assert_same(run("rows.parquet"), table)


def test_jsonl_is_read_plain_and_packed(run, write, table):
    write("rows.jsonl", _jsonl(table))
    write("rows.jsonl.gz", gzip.compress(_jsonl(table).encode()))
    _assert_same(run("rows.jsonl", to="a"), table)
    _assert_same(run("rows.jsonl.gz", to="b"), table)


def test_orc_is_read(run, table, tmp_path: Path):
    orc.write_table(table, str(tmp_path / "rows.orc"))
    _assert_same(run("rows.orc"), table)


def test_avro_is_read(run, table, tmp_path: Path):
    schema = {
        "type": "record",
        "name": "row",
        "fields": [
            {"name": "n", "type": "long"},
            {"name": "x", "type": ["null", "double"]},
            {"name": "c", "type": ["null", "string"]},
            {"name": "y", "type": "int"},
        ],
    }
    with (tmp_path / "rows.avro").open("wb") as file:
        fastavro.writer(file, schema, table.to_pylist(), codec="deflate")
    _assert_same(run("rows.avro"), table)


def test_avro_logical_types_become_numbers_and_texts(run, tmp_path: Path):
    moment = datetime.datetime(2013, 1, 1, 10, tzinfo=datetime.UTC)
    schema = {
        "type": "record",
        "name": "row",
        "fields": [
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            {"name": "kind", "type": {"type": "enum", "name": "kind", "symbols": ["a", "b"]}},
            {"name": "y", "type": "boolean"},
        ],
    }
    with (tmp_path / "rows.avro").open("wb") as file:
        fastavro.writer(file, schema, [{"at": moment, "kind": "ab"[row % 2], "y": row % 2 == 0} for row in range(80)])
    ingested = run({"sources": {"r": "rows.avro"}, "query": "SELECT *, row_number() OVER () AS n FROM r"})
    assert ingested.examples.columns == {"at": "int64", "kind": "string", "y": "string", "n": "int64"}
    assert set(ingested.table()["at"].to_pylist()) == {int(moment.timestamp())}


def test_several_files_are_one_source(run, write, rows, tmp_path: Path):
    for number in range(3):
        write(f"parts/part-{number}.csv", rows(30))
    write("parts/_SUCCESS", "x")
    for paths in ("parts", "parts/*.csv", [f"parts/part-{number}.csv" for number in range(3)]):
        ingested = run({"sources": {"r": {"path": paths}}})
        assert ingested.manifest["rows"]["read"] == 90
        assert [file["path"] for file in ingested.manifest["sources"][0]["files"]] == [
            f"parts/part-{number}.csv" for number in range(3)
        ]


def test_files_with_columns_in_another_order_are_joined_by_name(run, write):
    write("a.csv", "n,y\n" + "".join(f"{row},{row % 2}\n" for row in range(40)))
    write("b.csv", "y,n\n" + "".join(f"{row % 2},{row}\n" for row in range(40, 80)))
    ingested = run({"sources": {"r": {"path": ["a.csv", "b.csv"]}}})
    assert sorted(ingested.table()["n"].to_pylist()) == list(range(80))


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_files_with_other_columns_are_refused(run, write, tmp_path: Path, ending: str):
    if ending == "csv":
        write("a.csv", "n,y\n1,1\n")
        write("b.csv", "n,z\n1,1\n")
    else:
        pq.write_table(pa.table({"n": [1], "y": [1]}), tmp_path / "a.parquet")
        pq.write_table(pa.table({"n": [1], "z": [1]}), tmp_path / "b.parquet")
    with pytest.raises(DataError, match=rf"b\.{ending} lacks the column 'y' that a\.{ending} has"):
        run({"sources": {"r": {"path": f"*.{ending}"}}})


def test_formats_are_not_mixed_in_a_source(run, write, rows):
    write("a.csv", rows(3))
    write("b.jsonl", "{}\n")
    with pytest.raises(DataError, match=r"formats are mixed: csv \(a.csv\), jsonl \(b.jsonl\)"):
        run({"sources": {"r": {"path": ["a.csv", "b.jsonl"]}}})


def test_an_unknown_ending_needs_a_format(run, write, rows):
    write("rows.dat", rows(40))
    with pytest.raises(DataError, match=r"unknown ending '\.dat'. Give the source a `format`"):
        run("rows.dat")
    assert run({"sources": {"r": {"path": "rows.dat", "format": "csv"}}}).manifest["rows"]["read"] == 40


def test_a_zip_cannot_write_outside_its_folder(run, tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "rows.zip", "w") as archive:
        archive.writestr("../../escaped.csv", "n,y\n1,1\n")
    with pytest.raises(DataError, match="points outside the archive"):
        run("rows.zip")


@pytest.mark.parametrize("ending", ["csv.gz", "zip", "parquet", "orc", "avro", "csv.zst"])
def test_a_damaged_file_is_named(run, write, ending: str):
    write(f"rows.{ending}", bz2.compress(b"something else" * 100))
    with pytest.raises(DataError, match=rf"rows\.{ending}"):
        run(f"rows.{ending}")


def test_members_of_a_zip_may_have_names_that_no_file_here_can_have(run, tmp_path: Path):
    rows = "x,y\n" + "".join(f"{row},{row % 2}\n" for row in range(40))
    with zipfile.ZipFile(tmp_path / "rows.zip", "w") as archive:
        for name in ("a" * 300 + ".csv", "/".join(["deep" * 50] * 30) + "/a.csv", "b", "b/c.csv"):
            archive.writestr(name, rows)
    assert run({"sources": {"rows": {"path": "rows.zip", "format": "csv"}}}).table().num_rows == 160


def test_a_zip_with_a_member_twice_is_refused(run, tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "rows.zip", "w") as archive:
        archive.writestr("a.csv", "x,y\n1,0\n")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a.csv", "x,y\n2,1\n")
    with pytest.raises(DataError, match=r"rows.zip: holds the member 'a.csv' twice. Pack the files again."):
        run("rows.zip")


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_rows_of_thousands_of_columns_are_read(run, tmp_path: Path, ending: str):
    table = pa.table({f"c{place}": [row + place for row in range(100)] for place in range(3_000)} | {"y": [0, 1] * 50})
    (tmp_path / f"rows.{ending}").write_text(_csv(table) if ending == "csv" else _jsonl(table))
    assert sorted(run(f"rows.{ending}").table()["c2999"].to_pylist()) == list(range(2999, 3099))
