"""Reads ledgers in batches, so that memory does not grow with the rows."""

from itertools import islice

import pyarrow as pa

from stellwerk.errors import DataError

BATCH_ROWS = 16_384


def batches(path, where):
    """Yields the rows. Raises DataError, which begins with `where`, at a line that is none."""
    with path.open(encoding="utf-8") as lines:
        rows = (row(line, f"{where}, line {number}") for number, line in enumerate(lines, start=1))
        while several := list(islice(rows, BATCH_ROWS)):
            yield pa.RecordBatch.from_pylist(several)


def row(line, where):
    """Returns the values of a line by their names; numbers are floats."""
    try:
        return {name: number(value) for name, value in (each.split("=") for each in line.split())}
    except ValueError:
        raise DataError(f"{where}: is no 'name=value name=value ...'. Mend the line.") from None


def number(value):
    """Returns a number, or the text where it is none."""
    try:
        return float(value)
    except ValueError:
        return value
