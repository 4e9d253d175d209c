"""What messages show of names, addresses and sizes."""

from __future__ import annotations

import pytest

from stellwerk.errors import DataError, Problem, SpecError, sentence
from stellwerk.showing import few, listed, readable, size, without_queries


def test_a_message_lists_thirty_names_at_most_and_none_at_length():
    assert listed(["a", "b"]) == "a, b"
    many = listed(f"c{place}" for place in range(5_003))
    assert many.endswith("c28, c29, … (5,003 in all)")
    assert len(listed(["x" * 300])) == 60


def test_a_message_about_something_else_names_a_few():
    assert few("abc") == "a, b, c"
    assert few("abcdefg") == "a, b, c and 4 more"
    assert few("abcdefg", 5) == "a, b, c, d, e and 2 more"


LONG = {
    "without blanks": "n" * 5_000,
    "with blanks": "a title of the table " * 250,
    "with commas": "one, two, three " * 300,
    "with line ends": "/a/folder/of/a/name/" + "x" * 4_000 + "/data.csv",
}


@pytest.mark.parametrize("name", LONG.values(), ids=LONG)
def test_a_name_is_cut_at_a_readable_length_in_every_error(name: str):
    said = str(DataError(f"there is no column '{name}' in the data. Columns: a, b."))
    assert len(said) < 400
    assert said.startswith("there is no column '")
    assert said.endswith("' in the data. Columns: a, b.")
    assert "…" in said


def test_a_path_keeps_its_end():
    said = str(DataError(f"{LONG['with line ends']}: it is empty."))
    assert said.startswith("/a/folder/of/a/name/xxx")
    assert said.endswith("xxx/data.csv: it is empty.")
    assert len(said) < 200


def test_a_name_with_blanks_and_nothing_around_it_is_cut():
    assert len(str(DataError(f"{'a title of the table ' * 250}: infinite, or too large."))) < 200


def test_a_problem_in_a_spec_is_readable_and_so_is_an_error_that_nobody_foresaw():
    name = "n" * 5_000
    problem = Problem("p.yaml", 3, f"features.{name}", f"there is no column '{name}'.")
    assert len(str(SpecError([problem]))) < 400
    assert str(problem).startswith("p.yaml:3: features.nnn")
    assert len(sentence(KeyError(name))) < 300


def test_what_people_write_is_shown_whole():
    path = "/".join(["", *["folder-of-a-project"] * 12, "data.csv"])
    prose = "The data do not pass. " * 100
    for text in (f"{path}: no such file.", f"column '{'n' * 200}'", prose):
        assert str(DataError(text)) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://h/a.csv?X-Amz-Signature=abc&x=1", "https://h/a.csv?…"),
        ("see https://h/a.csv?sig=a,b;c.d, and more.", "see https://h/a.csv?…, and more."),
        ("[https://h/a?token=x, HTTP://h/b?token=y]", "[https://h/a?…, HTTP://h/b?…]"),
        ('{"path": "https://h/a?sig=x%2By"}', '{"path": "https://h/a?…"}'),
        ("https://h/${DAY}/a.csv?sig=${KEY}x: 404.", "https://h/${DAY}/a.csv?…: 404."),
        ("'https://h/a?sig=x'", "'https://h/a?…'"),
        ("https://h/a.csv is there? Yes.", "https://h/a.csv is there? Yes."),
        ("gs://bucket/day-?.csv", "gs://bucket/day-?.csv"),
    ],
)
def test_what_an_address_is_signed_with_is_not_shown(text: str, shown: str):
    assert without_queries(text) == shown
    assert str(DataError(text)) == shown


def test_a_long_text_of_a_client_takes_no_time():
    for text in ("https://" * 50_000, "https://h?" + "," * 400_000, "'" * 400_000, "a " * 200_000):
        assert len(readable(text)) <= len(text)


def test_bytes_are_shown_in_the_decimal_unit_that_reads_best():
    assert [size(count) for count in (0, 999, 1_500, 812_000, 1_234_567_890, 5e12)] == [
        "0 B",
        "999 B",
        "1.5 kB",
        "812 kB",
        "1.2 GB",
        "5.0 TB",
    ]
