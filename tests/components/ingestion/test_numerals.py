"""Numbers as people write them: groups of digits between blanks of every kind and apostrophes, and names with a comma in them."""

from __future__ import annotations

import pytest

from stellwerk.components.ingestion.probing import probe
from stellwerk.spec.data import Data
from stellwerk.tables.dialect import Told, recognise
from stellwerk.tables.numerals import plain_mark, with_plain_marks

ROWS = 60


def _lines(mark: str) -> str:
    rows = "".join(f"{row % 7 + 1}{mark}{row % 1000:03}{mark}234,5;R{mark}7;{row % 2}\n" for row in range(ROWS))
    return "x;room;y\n" + rows


@pytest.mark.parametrize("mark", ["\u00a0", "\u202f", "\u2009", " ", "'", "\u2019", "\u00b7"])
@pytest.mark.parametrize("told", ["as written", "plain"])
def test_groups_of_digits_are_read_whatever_stands_between_them(run, write, mark: str, told: str):
    write("a.csv", _lines(mark))
    thousands = mark if told == "as written" or mark == "\u00b7" else plain_mark(mark)
    table = run({"path": "a.csv", "decimal": ",", "thousands": thousands}, numbers=["x"]).table().sort_by("x")
    wanted = sorted((row % 7 + 1) * 1_000_000 + (row % 1000) * 1000 + 234.5 for row in range(ROWS))
    assert table["x"].to_pylist() == wanted
    assert set(table["room"].to_pylist()) == {f"R{mark}7"}, "a blank that is not between groups of digits stays"


@pytest.mark.parametrize(
    ("mark", "shown"), [("\u00a0", '" "'), ("\u202f", '" "'), (" ", '" "'), ("'", '"\'"'), (".", '"."')]
)
def test_a_look_says_how_the_numbers_are_read(write, tmp_path, mark: str, shown: str):
    write("a.csv", _lines(mark))
    seen = probe(Data.model_validate({"sources": {"t": "a.csv"}}), tmp_path, ["x"], "y")
    assert f'`decimal: ","` and `thousands: {shown}`' in seen.advice["x"]


def test_marks_are_known_across_pieces_that_end_within_a_number(run, write):
    rows = "".join(f"{row % 9 + 1}\u00a0234;{row % 2}\n" for row in range(150_000))
    write("a.csv", "x;y\n" + rows)
    table = run({"path": "a.csv", "thousands": " "}, numbers=["x"]).table()
    assert set(table["x"].to_pylist()) == {digit * 1000 + 234 for digit in range(1, 10)}
    assert table.num_rows == 150_000


def test_only_digits_have_marks_between_them():
    assert with_plain_marks("a\u00a0b 1\u00a0234\u00a0567 12\u00a034", " ") == "a\u00a0b 1 234 567 12\u00a034"
    assert with_plain_marks("1\u00a0234", ",") == "1\u00a0234"


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("Größe, cm;Gewicht;y\n180,5;70;1\n170,2;60;0\n165,0;55;1\n190,1;80;0\n", ";"),
        ("Größe, cm;y\n180,5;1\n170,2;0\n165,0;1\n190,1;0\n", ";"),
        ("Name, Vorname;Alter;y\nMeier, Hans;30;1\nKunz, Ute;40;0\nAb, C;20;1\n", ";"),
        ("Größe, cm|y\n180,5|1\n170,2|0\n165,0|1\n", "|"),
        ("id,tags\n1,a;b\n2,c;d\n3,e;f\n", ","),
        ("id,a;b\n1,x;1\n2,y;2\n3,z;3\n", ","),
    ],
)
def test_a_comma_in_a_name_is_none_between_names(text: str, delimiter: str):
    assert recognise(text.encode(), True, "a.csv", Told()).delimiter == delimiter
