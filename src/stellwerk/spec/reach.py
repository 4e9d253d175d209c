"""What a metric can be: a requirement outside of it is never met, and is told before anything runs."""

from __future__ import annotations

from collections.abc import Iterator

from stellwerk.metrics import bounds
from stellwerk.spec.evaluate import Bound, Evaluate, Requirement

Found = tuple[tuple[str | int, ...], str]


def out_of_reach(evaluate: Evaluate) -> Iterator[Found]:
    """Yields the bounds in `evaluate.require` that no model can meet, with what the metric can be."""
    for metric, requirement in evaluate.require.items():
        least, most = bounds(metric)
        asked: list[tuple[tuple[str | int, ...], Bound]] = [((), requirement)]
        if requirement.per_slice is not None:
            asked.append((("per_slice",), requirement.per_slice))
        for keys, bound in asked:
            at = ("evaluate", "require", metric, *keys)
            if bound.min is not None and most is not None and bound.min > most:
                hint = f". Is {bound.min / 100:g} meant?" if 1 < bound.min <= 100 and least == 0 else ""
                yield (*at, "min"), f"no model reaches it: {metric} is {most:g} at most. Received: {bound.min:g}{hint}"
            if bound.max is not None and least is not None and bound.max < least:
                yield (*at, "max"), f"no model reaches it: {metric} is {least:g} at least. Received: {bound.max:g}"
        yield from _gains(metric, requirement)


def _gains(metric: str, requirement: Requirement) -> Iterator[Found]:
    if bounds(metric) != (0, 1):
        return
    for key, value in (("by", requirement.by), ("min_gain", requirement.min_gain)):
        if value is not None and value >= 1:
            message = f"no model is better by so much: {metric} lies between 0 and 1. Received: {value:g}"
            yield ("evaluate", "require", metric, key), message
