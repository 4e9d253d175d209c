"""Which metrics an evaluation computes, and which of them decides: the standard ones, see `stellwerk.metrics`, and others.

A metric under any other name is computed by TFMA itself, see `tfma_beam.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stellwerk.columns import COLUMN_TYPES
from stellwerk.errors import DataError, did_you_mean
from stellwerk.metrics import METRICS, badness, direction
from stellwerk.showing import listed
from stellwerk.spec.evaluate import Evaluate, Requirement
from stellwerk.spec.target import Target
from stellwerk.tasks.measures import by_task, measured, measures, usual


def choose_metrics(settings: Evaluate, target: Target) -> tuple[list[str], list[str]]:
    """Returns the standard metrics and the others that are to be computed: those named and those required.

    Raises DataError for a standard metric that does not suit the target.
    """
    named = settings.metrics or usual(target.type)
    chosen = list(dict.fromkeys([*named, *settings.require, main_metric(settings, target)]))
    for name in chosen:
        if name in METRICS and measured(name, target.type) is None:
            suits = measures(target.type)
            raise DataError(
                f"evaluate: the metric '{name}' is for {' and '.join(', '.join(by_task(name)).rsplit(', ', 1))} targets, and "
                f"'{target.column}' is {target.type}.{did_you_mean(name, suits)} For {target.type}: {', '.join(suits)}."
            )
    return [name for name in chosen if name in METRICS], [name for name in chosen if name not in METRICS]


def main_metric(settings: Evaluate, target: Target) -> str:
    """Returns the metric by which a model is compared where the spec names none: the first that points one way."""
    named = [name for name in settings.metrics or () if name in METRICS and direction(name) in ("higher", "lower")]
    return (named or usual(target.type))[0]


def gain(metric: str, value: float, baseline: float) -> float:
    """Returns how much better `value` is than `baseline`; positive is better whichever way the metric points."""
    return badness(metric, baseline) - badness(metric, value)


def check_slices(slices: Iterable[tuple[str, ...]], columns: Mapping[str, str]) -> None:
    """Raises DataError for a slice column that the examples lack, or that has no distinct values to slice by."""
    for column in dict.fromkeys(name for names in slices for name in names):
        if column not in columns:
            raise DataError(
                f"evaluate.slices: there is no column '{column}'.{did_you_mean(column, columns)} "
                f"Columns: {listed(columns)}."
            )
        if not COLUMN_TYPES[columns[column]].repeats:
            raise DataError(
                f"evaluate.slices: column '{column}' holds {columns[column]} values, which are rarely equal: slices are made "
                "of strings and whole numbers. Make ranges of it in data.query (e.g. CAST(x / 100 AS BIGINT) AS x_100)."
            )


def check_requirements(require: Mapping[str, Requirement], slices: tuple[tuple[str, ...], ...]) -> None:
    """Raises DataError for a requirement on slices when there are none to require it of."""
    for metric, requirement in require.items():
        if requirement.per_slice is not None and not slices:
            raise DataError(
                f"evaluate.require.{metric}.per_slice: there are no slices to ask it of. Name columns in evaluate.slices."
            )
