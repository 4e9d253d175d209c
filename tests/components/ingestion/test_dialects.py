"""Every CSV that people have: how it is divided, quoted, encoded and ended is read as it is written."""

from __future__ import annotations

import csv
import gzip
import io
import random

import pytest

from stellwerk.errors import DataError

PLAIN = "n,x,c,y\n" + "".join(f"{row},{row / 4},c{row % 7},{row % 2}\n" for row in range(60))


def _as(content: str, **changes: str) -> str:
    for old, new in changes.items():
        content = content.replace({"comma": ",", "point": "."}[old], new)
    return content


def _letters(seed: int, count: int = 4000, line_end: str = "\n") -> tuple[str, list[str]]:
    """Mails as people write them: empty lines, quotes, commas, and lines that look like rows of the file."""
    draw = random.Random(seed)
    words = ["hello", "the", 'a "deal"', "a,b", "it's", "--", "$5", "", '"', '3,"x",1', "\t"]
    texts = [
        draw.choice(["\n", "\r\n", "\n\n"]).join(
            " ".join(draw.choices(words, k=draw.randint(0, 14))) for _ in range(draw.randint(1, 90))
        )
        for _ in range(count)
    ]
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator=line_end)
    writer.writerow(["id", "text", "y"])
    writer.writerows([row, text, row % 2] for row, text in enumerate(texts))
    return file.getvalue(), texts


@pytest.mark.parametrize(("line_end", "packed"), [("\n", False), ("\r\n", False), ("\n", True)])
def test_line_breaks_in_quotes_lose_no_row(run, write, line_end: str, packed: bool):
    content, texts = _letters(7, 6000, line_end)
    assert len(content) > 8_000_000  # more than one piece of the reader
    name = "mails.csv.gz" if packed else "mails.csv"
    write(name, gzip.compress(content.encode(), 1) if packed else content)
    ingested = run(name)
    assert ingested.manifest["rows"] == {
        "read": 6000, "written": 6000, "quarantined": 0, "rejected_before_query": 0, "by_reason": {},
    }  # fmt: skip
    table = ingested.table()
    found = dict(zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True))
    assert [found[row] or "" for row in range(6000)] == texts


def test_line_breaks_that_come_late_are_found_too(run, write):
    plain = "".join(f"{row},plain {row},{row % 2}\n" for row in range(300_000))
    content, texts = _letters(3, count=900)
    write("mails.csv", "id,text,y\n" + plain + content.split("\n", 1)[1])
    ingested = run("mails.csv")
    assert ingested.manifest["rows"]["read"] == ingested.manifest["rows"]["written"] == 300_900
    assert set(texts) - {""} <= set(ingested.table()["text"].to_pylist())


def test_rows_that_are_wrong_among_line_breaks_are_set_aside_and_no_other(run, write):
    content, _ = _letters(5)
    write("mails.csv", content + "4000,too,many,1\n4001\n")
    ingested = run("mails.csv")
    assert (ingested.manifest["rows"]["written"], ingested.manifest["rows"]["quarantined"]) == (4000, 2)


def test_a_quote_that_does_not_close_is_told_with_its_line_among_line_breaks(run, write):
    content, _ = _letters(5, count=40)
    write("mails.csv", content + '40,"open,1\n41,x,0\n')
    line = content.count("\n") + 1
    with pytest.raises(DataError, match=rf"mails\.csv:{line}: a quote opens here and does not close"):
        run("mails.csv")


def test_a_quote_inside_a_value_is_a_letter(run, write, rows):
    write("rows.csv", rows(60, {10: '10,2.5,5" pipe,1', 30: '30,7.5,3" nail,0'}))
    assert {'5" pipe', '3" nail'} <= set(run("rows.csv").table()["c"].to_pylist())


KINDS = {
    "lines of an old Mac": (PLAIN.replace("\n", "\r"), {}),
    "lines of Windows": (PLAIN.replace("\n", "\r\n"), {}),
    "Excel's sep line": ("sep=;\n" + _as(PLAIN, comma=";"), {}),
    "Excel's sep line in Windows": ("sep=;\r\n" + _as(PLAIN, comma=";").replace("\n", "\r\n"), {}),
    "a title": ("Flights of March\n" + PLAIN, {}),
    "a title and a blank line": ("Flights of March\n\n" + PLAIN, {}),
    "a padded title": ("Flights of March,,,\n" + PLAIN, {}),
    "blank lines above": ("\n\n" + PLAIN, {}),
    "a comma behind every row": (PLAIN.replace("\n", ",\n"), {}),
    "a comma behind the rows only": (PLAIN.replace("\n", ",\n").replace("y,\n", "y\n", 1), {}),
    "a comma behind the names only": (PLAIN.replace("y\n", "y,\n", 1), {}),
    "semicolons": (_as(PLAIN, comma=";"), {}),
    "pipes": (_as(PLAIN, comma="|"), {}),
    "tabs": (_as(PLAIN, comma="\t"), {}),
    "semicolons that are told": (_as(PLAIN, comma=";"), {"delimiter": ";"}),
    "a decimal comma": (_as(PLAIN, comma=";", point=","), {"decimal": ","}),
    "another quote": (PLAIN.replace("c1", "'c1'"), {"quote": "'"}),
    "a mark and semicolons": ("\ufeffsep=;\n" + _as(PLAIN, comma=";"), {}),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_it_is_read_as_the_plain_file_is(run, write, kind: str, encoding: str):
    content, source = KINDS[kind]
    write("plain.csv", PLAIN)
    write("odd.csv", content.encode(encoding))
    plain, odd = run("plain.csv", to="plain"), run({"sources": {"rows": {"path": "odd.csv", **source}}}, to="odd")
    columns = ["n", "x", "c", "y"]
    assert {name: odd.examples.columns[name] for name in columns} == plain.examples.columns
    assert odd.table().select(columns).sort_by("n") == plain.table().sort_by("n")
    assert odd.manifest["rows"]["quarantined"] == 0


@pytest.mark.parametrize(
    ("above", "line"),
    [("", 5), ("sep=,\n", 6), ("A title\n", 6), ("A title\n\n", 7)],
    ids=["none", "sep", "title", "blank"],
)
def test_lines_count_from_the_top_of_the_file(run, write, rows, above: str, line: int):
    write("rows.csv", above + rows(60, {3: "3,1", 8: "8,1,c,"}))
    assert run("rows.csv").quarantine[0]["line"] == line


@pytest.mark.parametrize(
    ("encoding", "word"),
    [("cp1252", "café €"), ("latin-1", "café €"), ("cp1251", "Москва"), ("shift_jis", "東京"), ("gb18030", "北京"), ("mac_roman", "café"), ("cp850", "Größe")],
)  # fmt: skip
def test_every_encoding_that_python_knows_is_read(run, write, rows, encoding: str, word: str):
    written = "cp1252" if encoding == "latin-1" else encoding
    write(
        "rows.csv",
        rows(60, {5: f"5,1,{word},1"})
        .replace("c,y", f"c,{word[:2]},y")
        .replace(",1\n", ",z,1\n")
        .replace(",0\n", ",z,0\n")
        .encode(written),
    )
    ingested = run({"sources": {"rows": {"path": "rows.csv", "encoding": encoding}}})
    assert word in ingested.table()["c"].to_pylist()
    assert word[:2] in ingested.examples.columns


def test_bytes_that_an_encoding_does_not_have_cost_their_row_only(run, write, rows):
    write("rows.csv", rows(60, {5: "5,1,東京,1"}).encode("shift_jis").replace(b"c1", b"\xff1", 1))
    ingested = run({"sources": {"rows": {"path": "rows.csv", "encoding": "shift_jis"}}})
    assert [(row["line"], row["reason"]) for row in ingested.quarantine] == [(3, "not shift_jis")]


def test_an_unknown_encoding_is_refused_by_the_spec(run):
    with pytest.raises(ValueError, match="no encoding that Python knows"):
        run({"sources": {"rows": {"path": "rows.csv", "encoding": "cp9999"}}})


@pytest.mark.parametrize(("thousands", "value"), [(".", "1.234,5"), (" ", "1 234,5"), ("'", "1'234,5")])
def test_thousands_are_divided_as_told(run, write, thousands: str, value: str):
    lines = [f"{row};{value};{row % 2}" for row in range(60)]
    write("rows.csv", "n;x;y\n" + "\n".join(lines) + "\n")
    ingested = run({"sources": {"rows": {"path": "rows.csv", "decimal": ",", "thousands": thousands}}})
    assert set(ingested.table()["x"].to_pylist()) == {1234.5}
    assert ingested.examples.columns["n"] == "int64"


def test_american_thousands_are_whole_numbers(run, write):
    write("rows.csv", "n,y\n" + "".join(f'"{row + 26},000",{row % 2}\n' for row in range(60)))
    ingested = run({"sources": {"rows": {"path": "rows.csv", "thousands": ","}}})
    assert ingested.examples.columns["n"] == "int64"
    assert min(ingested.table()["n"].to_pylist()) == 26_000


def test_dates_and_versions_are_no_numbers_where_points_divide_thousands(run, write):
    write("rows.csv", "day;v;y\n" + "".join(f"{row % 28 + 1:02}.02.2020;1.2.{row};{row % 2}\n" for row in range(60)))
    ingested = run({"sources": {"rows": {"path": "rows.csv", "decimal": ",", "thousands": "."}}})
    assert ingested.examples.columns == {"day": "string", "v": "string", "y": "int64"}


def test_quotes_may_be_letters(run, write):
    write("rows.tsv", "n\tc\ty\n" + "".join(f'{row}\t"open {row}\t{row % 2}\n' for row in range(60)))
    ingested = run({"sources": {"rows": {"path": "rows.tsv", "quote": ""}}})
    assert '"open 3' in ingested.table()["c"].to_pylist()


@pytest.mark.parametrize("word", ["None", "#N/A", "<NA>", "n/a", "-nan", "NULL"])
def test_what_pandas_takes_for_missing_is_missing(run, write, rows, word: str):
    write("rows.csv", rows(60, {3: f"3,{word},{word},1"}))
    table = run("rows.csv").table()
    assert (table["x"].null_count, table["c"].null_count) == (1, 1)


def test_null_values_of_the_spec_take_the_place_of_the_usual(run, write, rows):
    write("rows.csv", rows(60, {3: "3,-,None,1"}))
    table = run({"sources": {"rows": {"path": "rows.csv", "null_values": ["-"]}}}).table()
    assert table["x"].null_count == 1
    assert "None" in table["c"].to_pylist()


def test_a_file_that_two_delimiters_divide_is_asked_about(run, write):
    write("rows.csv", "a|b;y\n" + "".join(f"{row}|1;{row % 2}\n" for row in range(60)))
    with pytest.raises(DataError, match=r"rows\.csv:1: the columns could be divided by ';' or '\|'"):
        run("rows.csv")
    assert set(run({"sources": {"rows": {"path": "rows.csv", "delimiter": ";"}}}).examples.columns) == {"a|b", "y"}


def test_files_of_one_source_may_be_written_differently(run, write):
    write("data/a.csv", PLAIN)
    write("data/b.csv", _as(PLAIN, comma=";").encode("utf-16"))
    assert run("data").manifest["rows"]["written"] == 120
