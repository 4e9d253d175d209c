"""Excel's workbooks, and OpenDocument's: one sheet, whose first row that has a value names the columns."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from stellwerk.errors import DataError, did_you_mean

INSTALL = "pip install 'stellwerk[excel]'"


def batches(path: Path, where: str, *, sheet: str | None, null_values: Collection[str]) -> Iterator[Any]:
    """Yields the rows of a sheet as one batch, see `columns`."""
    import pyarrow as pa  # noqa: PLC0415 - only for workbooks

    found = columns(path, where, sheet, null_values)
    yield pa.RecordBatch.from_arrays(list(found.values()), names=list(found))


def columns(path: Path, label: str, sheet: str | None, null_values: Collection[str]) -> dict[str, Any]:
    """Returns the columns of a sheet (the first without a name) as Arrow arrays of the narrowest type that fits every value.

    Whole numbers are int64, also where Excel keeps them as floats; texts of `null_values` are missing. A sheet has a million rows at
    most, and is held in memory. Raises DataError where the reader is not installed, the file is no workbook, or names are missing.
    """
    import pyarrow as pa  # noqa: PLC0415 - only for workbooks

    rows = _rows(path, label, sheet)
    names = next((row for row in rows if any(value != "" for value in row)), None)
    if names is None:
        raise DataError(f"{label}: the sheet is empty. Its first row must name the columns.")
    titles = [str(name).strip() or f"column{position}" for position, name in enumerate(names)]
    twice = next((title for title in titles if titles.count(title) > 1), None)
    if twice is not None:
        raise DataError(f"{label}: the column '{twice}' appears twice. Each column needs a name of its own.")
    missing = {"", *null_values}
    kept = [row for row in rows if any(value != "" for value in row)]
    return {
        title: pa.array(*_typed([None if _is_in(row[at], missing) else row[at] for row in kept]))
        for at, title in enumerate(titles)
    }


def _rows(path: Path, label: str, sheet: str | None) -> Iterator[list[Any]]:
    try:
        import python_calamine as calamine  # noqa: PLC0415 - an extra
    except ImportError:
        raise DataError(f"{label}: workbooks are read by python-calamine, which is not installed: {INSTALL}.") from None
    try:
        with path.open("rb") as file:
            book = calamine.CalamineWorkbook.from_filelike(file)
            names = book.sheet_names
            if sheet is not None and sheet not in names:
                raise DataError(
                    f"{label}: there is no sheet '{sheet}'.{did_you_mean(sheet, names)} Sheets: {', '.join(names)}."
                )
            return iter(book.get_sheet_by_name(sheet or names[0]).to_python())
    except (calamine.CalamineError, ValueError, IndexError) as error:
        raise DataError(f"{label}: is no workbook, or damaged: {error}. Save it again.") from None


def _is_in(value: Any, missing: Collection[str]) -> bool:
    return isinstance(value, str) and value in missing


def _typed(values: list[Any]) -> tuple[list[Any], Any]:
    """Returns the values of a column and the Arrow type that fits them all."""
    import pyarrow as pa  # noqa: PLC0415 - only for workbooks

    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return values, pa.null()
    if kinds <= {bool}:
        return values, pa.bool_()
    if kinds <= {int, float}:
        whole = all(value is None or (float(value).is_integer() and abs(value) < 2**53) for value in values)
        return [None if value is None else (int if whole else float)(value) for value in values], (
            pa.int64() if whole else pa.float64()
        )
    if kinds <= {datetime, date}:
        return [
            value if not value or isinstance(value, datetime) else datetime.combine(value, time()) for value in values
        ], (pa.timestamp("us"))
    return [None if value is None else _text(value) for value in values], pa.string()


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if isinstance(value, (date, datetime, time)) else str(value)
