"""Which row of a request a model cannot use: TensorFlow fails a batch as a whole, and says nothing of its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stellwerk.serving.errors import Code, ServingError
from stellwerk.serving.tensors import Array

Inputs = Mapping[str, Array]


def first_refused(ask: Callable[[Inputs], object], inputs: Inputs) -> ServingError | None:
    """Returns the refusal of the first row that is refused alone, with its number; None where no single row is to blame.

    Halves are asked, so a request costs as much as a second one and a few rows more.
    """
    rows = min((len(array) if array.ndim else 0 for array in inputs.values()), default=0)
    if rows < 2:
        return None
    start, stop = 0, rows
    while stop - start > 1:
        middle = (start + stop) // 2
        start, stop = (start, middle) if _refusal(ask, inputs, start, middle) else (middle, stop)
    found = _refusal(ask, inputs, start, stop)
    last = _refusal(ask, inputs, rows - 1, rows) if found and not start else None
    if found is None or (last is not None and last.message == found.message):
        return None  # what is wrong with every row is wrong with the request
    return ServingError(found.code, f"Failed to process element: {start} of the {rows} in the request: {found.message}")


def _refusal(ask: Callable[[Inputs], object], inputs: Inputs, start: int, stop: int) -> ServingError | None:
    try:
        ask({name: array[start:stop] for name, array in inputs.items()})
    except ServingError as error:
        if error.code is not Code.INVALID_ARGUMENT:
            raise
        return error
    return None
