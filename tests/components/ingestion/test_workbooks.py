"""Excel's workbooks as sources."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path

import openpyxl
import pytest

from stellwerk.errors import DataError


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A workbook of two sheets; the second holds the rows, below a blank one."""
    made = openpyxl.Workbook()
    made.active.append(["nothing"])
    sheet = made.create_sheet("rows")
    sheet.append([])
    sheet.append(["id", "price", "day", "ok", "note", "code", "y"])
    for row in range(60):
        day = datetime.datetime(2024, 1, 1 + row % 28, 12, tzinfo=None)
        sheet.append([row, row / 4 if row else None, day, row % 2 == 0, f"n{row}", "NA" if row == 3 else row, row % 2])
    made.save(tmp_path / "book.xlsx")
    return tmp_path / "book.xlsx"


def test_a_sheet_is_read_with_the_types_of_its_cells(run, book):
    ingested = run({"sources": {"rows": {"path": "book.xlsx", "sheet": "rows"}}})
    assert ingested.examples.columns == {
        "id": "int64", "price": "float", "day": "int64", "ok": "int64", "note": "string", "code": "int64", "y": "int64",
    }  # fmt: skip
    table = ingested.table()
    assert ingested.manifest["rows"]["written"] == 60
    assert (table["price"].null_count, table["code"].null_count) == (1, 1)
    assert min(table["day"].to_pylist()) == int(datetime.datetime(2024, 1, 1, 12, tzinfo=datetime.UTC).timestamp())


def test_a_sheet_that_is_not_there_is_told_with_those_that_are(run, book):
    with pytest.raises(
        DataError, match=r"book\.xlsx: there is no sheet 'row'\. Did you mean 'rows'\? Sheets: Sheet, rows"
    ):
        run({"sources": {"rows": {"path": "book.xlsx", "sheet": "row"}}})


def test_without_the_reader_the_command_that_installs_it_is_told(run, book, monkeypatch):
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(DataError, match=r"python-calamine, which is not installed: pip install 'stellwerk\[excel\]'"):
        run("book.xlsx")


def test_a_file_that_is_no_workbook_is_told(run, write):
    write("book.xlsx", "id,y\n1,2\n")
    with pytest.raises(DataError, match=r"book\.xlsx: is no workbook, or damaged"):
        run("book.xlsx")
