"""Rows that a model refuses are found among those that it was asked about together, and the others are answered."""

from __future__ import annotations

from collections.abc import Mapping

from stellwerk.serving.bulk.models.base import Asked, Refused
from stellwerk.serving.tensors import Array

Outputs = Mapping[str, Array]


def answered(
    asked: Asked, inputs: Mapping[str, Array], start: int, stop: int, only_first: bool
) -> tuple[list[Outputs], dict[int, str]]:
    """Returns the answers for the rows from `start` to `stop`, in order, and by row why it was refused.

    Halves of what is refused are asked again, down to single rows; with `only_first` nothing behind the first refused row.
    """
    try:
        return [asked.ask({name: values[start:stop] for name, values in inputs.items()})], {}
    except Refused as refused:
        if stop - start == 1:
            return [], {start: refused.said}
    middle = (start + stop) // 2
    answers, bad = answered(asked, inputs, start, middle, only_first)
    if bad and only_first:
        return answers, bad
    more, worse = answered(asked, inputs, middle, stop, only_first)
    return [*answers, *more], {**bad, **worse}
