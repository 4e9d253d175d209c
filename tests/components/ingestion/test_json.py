"""JSON as exporters write it."""

from __future__ import annotations

import gzip
import json

import pytest

from stellwerk.errors import DataError

ROWS = [{"n": row, "c": f"c{row % 7}\n", "y": row % 2} for row in range(60)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)

KINDS = {
    "an array": json.dumps(ROWS),
    "an array over lines": json.dumps(ROWS, indent=2),
    "an array, a row a line": "[\n" + ",\n".join(map(json.dumps, ROWS)) + "\n]\n",
    "objects over lines": "\n".join(json.dumps(row, indent=1) for row in ROWS),
    "objects on one line": "".join(map(json.dumps, ROWS)),
    "a mark": "\ufeff" + LINES,
    "a mark and an array": "\ufeff" + json.dumps(ROWS),
    "blank lines above": "\n\n" + LINES,
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_read_as_lines_are(run, write, kind: str, encoding: str):
    write("rows.json", KINDS[kind].encode(encoding))
    ingested = run("rows.json")
    assert ingested.manifest["rows"]["written"] == 60
    assert sorted(ingested.table().to_pylist(), key=lambda row: row["n"]) == ROWS


def test_a_packed_array_larger_than_a_piece_is_read(run, write):
    rows = [{"n": row, "text": "x" * 500, "y": row % 2} for row in range(9_000)]
    write("rows.json.gz", gzip.compress(json.dumps(rows).encode(), 1))
    assert run("rows.json.gz").manifest["rows"]["written"] == 9_000


@pytest.mark.parametrize(("begin", "line"), [("", 8), ("[\n", 9)], ids=["lines", "array"])
def test_a_key_that_stands_twice_costs_its_row_and_is_told_with_the_line(run, write, begin: str, line: int):
    texts = [json.dumps(row) for row in ROWS]
    texts[7] = '{"n": 7, "c": "a", "c": "b", "y": 1}'
    write("rows.json", begin + (",\n" if begin else "\n").join(texts) + ("]" if begin else "\n"))
    (row,) = run("rows.json").quarantine
    assert (row["line"], row["reason"]) == (line, "the key 'c' stands in it twice")


def test_an_array_that_breaks_off_is_told_with_its_line(run, write):
    write("rows.json", "[\n" + ",\n".join(map(json.dumps, ROWS))[:-9])
    with pytest.raises(DataError, match=r"rows\.json:61: is not JSON"):
        run("rows.json")


def test_nested_values_that_nothing_names_are_left_out(run, write):
    write("rows.jsonl", "".join(json.dumps({**row, "tags": ["a"], "who": {"id": 1}}) + "\n" for row in ROWS))
    assert set(run("rows.jsonl").examples.columns) == {"n", "c", "y"}


def test_whole_numbers_beyond_64_bits_stop_nothing(run, write):
    write("rows.jsonl", "".join(json.dumps({**row, "id": 2**64 - 1 - row["n"]}) + "\n" for row in ROWS))
    assert run("rows.jsonl").examples.columns["id"] == "string"
