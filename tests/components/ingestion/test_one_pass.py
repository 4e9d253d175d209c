"""A query that makes each row of one row is computed while its source is read: nothing else about the Examples changes."""

from __future__ import annotations

import json
from contextlib import closing

import duckdb
import pytest

from stellwerk.components.artifacts.folders import folder_digest
from stellwerk.components.ingestion import engine
from stellwerk.errors import DataError

QUERY = "SELECT id, upper(word) AS word, CAST(number > 2 AS INTEGER) AS y FROM rows"


def _text(rows=500, bad=()):
    lines = [f"{number},{'w' * (number % 7)},{number % 5},{number / 3:.2f}" for number in range(rows)]
    for place, line in bad:
        lines[place] = line
    return "\n".join(["id,word,number,left_out", *lines]) + "\n"


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_one_pass_gives_the_bytes_that_a_staged_query_gives(run, write, monkeypatch, name):
    rows = [dict(zip(("id", "word", "number"), (n, "w" * (n % 7), n % 5), strict=True)) for n in range(70_000)]
    text = _text(70_000) if name.endswith("csv") else "".join(json.dumps(row) + "\n" for row in rows)
    write(name, text)
    wanted = {"sources": {"rows": name}, "query": QUERY}
    at_once = run(wanted, to="at_once")
    assert not (at_once.path / ".scratch").exists()
    monkeypatch.setattr(engine, "is_row_by_row", lambda *_: False)
    assert folder_digest(run(wanted, to="staged").path) == folder_digest(at_once.path)


def test_a_bad_value_in_a_column_that_the_query_leaves_out_is_set_aside(run, write):
    write("rows.csv", _text(bad=[(100, "100,w,1,no number"), (200, "200,w,1")]))
    source = {"path": "rows.csv", "types": {"left_out": "number"}}
    ingested = run({"sources": {"rows": source}, "query": QUERY})
    assert [(row["line"], row["reason"]) for row in ingested.quarantine] == [
        (102, "left_out: not a number"),
        (202, "too few values"),
    ]
    assert ingested.table().num_rows == 498


def test_a_type_that_was_guessed_wrong_is_no_error_of_the_query(run, write):
    write("rows.csv", _text(12_000, bad=[(11_900, "11900,w,1,word")]))
    query = "SELECT id, upper(left_out) AS text, CAST(number > 2 AS INTEGER) AS y FROM rows"
    ingested = run({"sources": {"rows": "rows.csv"}, "query": query})
    assert "WORD" in ingested.table().column("text").to_pylist()


def test_a_row_that_the_query_makes_useless_is_told_without_a_line(run, write):
    write("rows.csv", _text())
    query = "SELECT id, CASE WHEN id = 7 THEN NULL ELSE number % 2 END AS y FROM rows"
    ingested = run({"sources": {"rows": "rows.csv"}, "query": query})
    assert [(row["source"], row["line"]) for row in ingested.quarantine] == [("query", None)]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT *, 1 AS y FROM read_csv('/etc/passwd')",
        "SELECT *, (SELECT count(*) FROM read_text('/etc/passwd')) AS y FROM rows",
    ],
)
def test_a_query_cannot_read_what_is_no_source(run, write, query):
    write("rows.csv", _text())
    with pytest.raises(DataError, match="disabled by configuration"):
        run({"sources": {"rows": "rows.csv"}, "query": query})


@pytest.mark.parametrize(
    ("query", "row_by_row", "in_order"),
    [
        ("SELECT * FROM rows", True, True),
        ("SELECT a + 1 AS a FROM main.ROWS", True, True),
        ("SELECT a, (CASE WHEN a > 1 THEN b END) AS b FROM rows -- as it is", True, True),
        ("SELECT * FROM rows WHERE a > 1", False, True),
        ("WITH few AS (SELECT * FROM rows) SELECT * FROM few", False, True),
        ("WITH rows AS (SELECT 1 AS a) SELECT * FROM rows", False, False),
        ("SELECT * FROM rows TABLESAMPLE 50%", False, False),
        ("SELECT * FROM rows LIMIT 3", False, False),
        ("SELECT *, row_number() OVER () FROM rows", False, False),
        ("SELECT DISTINCT a FROM rows", False, False),
        ("SELECT unnest([1, 2]) FROM rows", False, False),
        ("SELECT sum(a) FROM rows", False, False),
        ("SELECT x.* FROM rows x JOIN rows y USING (a)", False, False),
        ("SELECT *, (SELECT max(a) FROM rows) FROM rows", False, False),
        ("SELECT * FROM rows UNION ALL SELECT * FROM rows", False, False),
        ("SELECT * FROM rows ORDER BY a", False, False),
        ("SELECT 1 AS a", False, False),
        ("SELECT * FROM range(3)", False, False),
    ],
)
def test_what_a_query_does_is_seen_from_its_plan(tmp_path, query, row_by_row, in_order):
    (tmp_path / "rows.csv").write_text("a,b\n1,x\n2,y\n")
    with closing(engine.connect(tmp_path)) as connection:
        connection.execute(f"CREATE VIEW rows AS SELECT * FROM read_csv({engine.text(str(tmp_path / 'rows.csv'))})")
        checked = engine.check_query(connection, query)
        assert engine.is_row_by_row(connection, checked, "rows") is row_by_row
        assert engine.keeps_order(connection, checked) is in_order


def test_settings_cannot_be_changed_once_they_are_settled(tmp_path):
    with closing(engine.connect(tmp_path)) as connection:
        engine.confine(connection, (), tmp_path)
        engine.settle(connection, threads=1)
        engine.confine(connection, ["/etc/passwd"])
        engine.settle(connection, threads=2)
        assert engine.first_row(connection, "SELECT current_setting('threads')") == (1,)
        with pytest.raises(duckdb.Error, match="locked"):
            connection.execute("SET threads = 2")
