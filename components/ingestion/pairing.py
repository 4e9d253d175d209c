"""How much of the target two columns tell together: a target that is a difference, a product or a combination of both was made of them.

Every pair is asked at once, of the correlations or of counts; only the few best are looked at row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow.compute as pc

from stellwerk.components.ingestion.arrays import values
from stellwerk.components.ingestion.surveying import SAMPLE, ColumnSurvey, Survey

Numbers = np.ndarray[Any, np.dtype[np.float64]]
Fit = Callable[[Numbers, Numbers], float]

MOST_ROWS, MOST_COLUMNS = 5_000, 300
_BEST = 6
"""Pairs that are looked at row by row."""
_FEW = 50
"""Values of a column that is combined with another value by value."""
_MOST_COMBINED = 600
"""Pairs of columns that are combined so."""
_ROWS_COMBINED = 2_000
_REPEATED = 0.5
"""Share of the rows whose combination must come again: of others nothing can be said."""


@dataclass(frozen=True)
class Pair:
    """Two columns that tell the target together."""

    columns: tuple[str, str]
    strength: float
    """0: nothing, 1: all of it."""
    sentence: str


def of_quantity(survey: Survey, columns: Sequence[ColumnSurvey], target: ColumnSurvey) -> Pair | None:
    """Returns the pair whose sum or product, with any weights, is nearest to a quantity."""
    names, numbers = _numbers(survey, columns, target)
    found: list[Pair] = []
    for how, made in (("a sum or difference", numbers), ("a product or ratio", _logarithms(numbers))):
        for first, second in _likely(made):
            told = _fitted(made, first, second, _explained)
            sentence = f"{told:.2%} of the target's variance is {how} of both"
            found.append(Pair((names[first], names[second]), told, sentence))
    return max(found, key=lambda pair: pair.strength, default=None)


def of_classes(survey: Survey, columns: Sequence[ColumnSurvey], target: ColumnSurvey, classes: int) -> Pair | None:
    """Returns the pair that tells the classes best: two numbers by a line between two classes, or two columns of few values."""
    found: list[Pair] = []
    if classes == 2:
        names, numbers = _numbers(survey, columns, target)
        for first, second in _likely(numbers):
            auc = _fitted(numbers, first, second, _auc_of_a_line)
            sentence = f"a weighted sum of both ranks the two classes with an AUC of {auc:.4f}"
            found.append(Pair((names[first], names[second]), 2 * auc - 1, sentence))
    few = [column for column in columns if 2 <= column.distinct <= _FEW and column.kind not in ("nested", "bytes")]
    codes, labels = _codes(survey, few, target)
    for first, second in list(combinations(range(len(few)), 2))[:_MOST_COMBINED]:
        told, right = _combined(codes[first] * (_FEW + 2) + codes[second], labels)
        sentence = f"their values together tell the class of {right:.1%} of the rows"
        found.append(Pair((few[first].name, few[second].name), told, sentence))
    return max(found, key=lambda pair: pair.strength, default=None)


def _numbers(survey: Survey, columns: Sequence[ColumnSurvey], target: ColumnSurvey) -> tuple[list[str], Numbers]:
    """Returns names and values of the columns of numbers, [rows, columns + 1]: the target is the last, of two classes 0 and 1."""
    chosen = [column for column in columns if column.kind in ("number", "integer")][:MOST_COLUMNS]
    wanted = target.quoted
    if target.kind in ("number", "integer"):
        label = f"{wanted}::DOUBLE"
    else:
        label = f"({wanted} = (SELECT max({wanted}) FROM {SAMPLE}))::INTEGER::DOUBLE"
    asked = [*(f"{column.quoted}::DOUBLE" for column in chosen), label]
    listed = ", ".join(f"coalesce({value}, 'nan'::DOUBLE) AS v{at}" for at, value in enumerate(asked))
    answer = survey.connection.execute(
        f"SELECT {listed} FROM {SAMPLE} WHERE {wanted} IS NOT NULL LIMIT {MOST_ROWS}"
    ).fetchnumpy()
    numbers = np.stack([np.asarray(column, np.float64) for column in answer.values()], axis=1)
    numbers[~np.isfinite(numbers)] = np.nan
    return [column.name for column in chosen], numbers


def _logarithms(values: Numbers) -> Numbers:
    """Returns logarithms; columns that are not all above zero are missing."""
    above = np.nanmin(np.where(np.isnan(values), np.inf, values), axis=0, initial=np.inf) > 0
    return np.log(values, out=np.full_like(values, np.nan), where=above & ~np.isnan(values))


def _likely(values: Numbers) -> list[tuple[int, int]]:
    """Returns the pairs of columns that a line through both explains the last column best, by correlations alone."""
    centred = values - np.nanmean(np.where(np.isnan(values).all(axis=0), 0.0, values), axis=0)
    centred = np.where(np.isnan(centred), 0.0, centred)
    lengths = np.sqrt((centred**2).sum(axis=0))
    scaled = np.divide(centred, lengths, out=np.zeros_like(centred), where=lengths > 0)
    together = scaled.T @ scaled
    own, other = together[:-1, -1], together[:-1, :-1]
    apart = 1 - other**2
    gained = own[:, None] ** 2 + own[None, :] ** 2 - 2 * own[:, None] * own[None, :] * other
    explained = np.divide(gained, apart, out=np.zeros_like(gained), where=apart > 1e-9)
    first, second = np.triu_indices(len(own), 1)
    best = np.argsort(explained[first, second])[::-1][:_BEST]
    return [(int(first[at]), int(second[at])) for at in best]


def _fitted(values: Numbers, first: int, second: int, fit: Fit) -> float:
    """Returns how well two columns fit the last one, of the rows that have all three."""
    rows = values[:, [first, second, -1]]
    rows = rows[~np.isnan(rows).any(axis=1)]
    if len(rows) < 10 or (rows == rows[0]).all(axis=0).any():
        return 0.0
    inputs = (rows[:, :2] - rows[:, :2].mean(axis=0)) / rows[:, :2].std(axis=0)
    return fit(np.column_stack([np.ones(len(rows)), inputs]), rows[:, 2])


def _explained(inputs: Numbers, wanted: Numbers) -> float:
    left = wanted - inputs @ np.linalg.lstsq(inputs, wanted, rcond=None)[0]
    return float(1 - (left**2).sum() / ((wanted - wanted.mean()) ** 2).sum())


def _auc_of_a_line(inputs: Numbers, wanted: Numbers) -> float:
    """Returns the area under the ROC curve of a logistic regression; ties count half."""
    truth = wanted == wanted.max()
    weights = np.zeros(inputs.shape[1])
    for _ in range(12):
        guess = 1 / (1 + np.exp(-np.clip(inputs @ weights, -30, 30)))
        slope = inputs.T @ (guess - truth) + 1e-6 * weights
        curve = (inputs * (guess * (1 - guess) + 1e-9)[:, None]).T @ inputs + 1e-6 * np.eye(len(weights))
        weights = weights - np.linalg.solve(curve, slope)
    scores, place = np.unique(inputs @ weights, return_inverse=True)
    good = np.bincount(place, truth, len(scores))
    bad = np.bincount(place, ~truth, len(scores))
    below = np.cumsum(bad) - bad
    return float((good * (below + bad / 2)).sum() / max(1.0, good.sum() * bad.sum()))


def _codes(
    survey: Survey, few: Sequence[ColumnSurvey], target: ColumnSurvey
) -> tuple[list[np.ndarray[Any, Any]], np.ndarray[Any, Any]]:
    """Returns the number of the value of each row in each column of few values, a missing one too, and of the target."""
    listed = ", ".join(column.quoted for column in (*few, target))
    rows = survey.connection.sql(
        f"SELECT {listed} FROM {SAMPLE} WHERE {target.quoted} IS NOT NULL LIMIT {_ROWS_COMBINED}"
    ).to_arrow_table()
    codes = [
        values(pc.dictionary_encode(column.combine_chunks(), null_encoding="encode").indices).astype(np.int64)
        for column in rows.columns
    ]
    return codes[:-1], codes[-1]


def _combined(groups: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Returns how much of what guessing gets wrong the groups tell, and the share of rows they tell right, each left out of its own group."""
    width = int(labels.max()) + 1
    if (groups.max() + 1) * width > 20 * _ROWS_COMBINED:  # few of the combinations occur
        groups = np.unique(groups, return_inverse=True)[1]
    counts = np.bincount(groups * width + labels, minlength=(groups.max() + 1) * width).reshape(-1, width)
    whole, most = counts.sum(axis=1), counts.max(axis=1)
    again = whole > 1
    usual = np.bincount(labels).max() / len(labels)
    if whole[again].sum() < _REPEATED * len(labels) or usual >= 1:
        return 0.0, 0.0
    right = float((most[again] - 1).sum() / (whole[again] - 1).sum())
    return 1 - (1 - right) / (1 - usual), right
