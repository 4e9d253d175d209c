"""How much of the target one column tells by itself: a column that tells nearly all of it was probably made after it.

Asked of a sample of the rows, as nearly all of it shows in any.
"""

from __future__ import annotations

from dataclasses import dataclass

from stellwerk.components.ingestion.surveying import SAMPLE, ColumnSurvey, Survey

FEW = 50
"""Numbers with at most so many different values are compared value by value."""
_ROWS_OF_A_RANGE = 20


@dataclass(frozen=True)
class Association:
    """How well a column predicts the target alone."""

    column: str
    strength: float
    """0: nothing, 1: all of it."""
    sentence: str


def of_classes(survey: Survey, column: ColumnSurvey, target: ColumnSurvey, classes: int) -> Association | None:
    """Returns how well a column tells the classes of a target; None where it is too varied to say."""
    quantity = column.kind in ("number", "integer", "time") and column.distinct > FEW
    if quantity and classes == 2:
        auc = _auc(survey, column.quoted, target.quoted)
        told = max(auc, 1 - auc)
        return Association(column.name, 2 * told - 1, f"alone it ranks the two classes with an AUC of {told:.4f}")
    group = _ranges(survey, column) if quantity else column.quoted
    if not quantity and column.distinct * 3 > column.filled:
        return None
    right, usual = _shares(survey, group, target.quoted)
    if usual >= 1:
        return None
    return Association(
        column.name, 1 - (1 - right) / (1 - usual), f"alone it tells the class of {right:.1%} of the rows"
    )


def of_quantity(survey: Survey, column: ColumnSurvey, target: ColumnSurvey) -> Association | None:
    """Returns how well a column tells a quantity; None where it is too varied to say."""
    if column.kind in ("number", "integer"):
        both = f"SELECT {column.quoted}::DOUBLE AS a, {target.quoted}::DOUBLE AS b FROM {SAMPLE}"
        ((line, rank),) = survey.ask(
            "SELECT abs(corr(a, b)), abs(corr(rank_a, rank_b)) FROM (SELECT a, b, rank() OVER (ORDER BY a) AS rank_a, "
            f"rank() OVER (ORDER BY b) AS rank_b FROM ({both}) WHERE isfinite(a) AND isfinite(b))"
        )
        strongest = max(_number(line), _number(rank))
        return Association(column.name, strongest**2, f"its correlation with the target is {strongest:.4f}")
    if column.distinct * 5 > column.filled:
        return None
    quoted, wanted = column.quoted, f"{target.quoted}::DOUBLE"
    ((within, whole),) = survey.ask(
        f"SELECT sum(v * n), (SELECT var_pop({wanted}) * count({wanted}) FROM {SAMPLE}) FROM "
        f"(SELECT var_pop({wanted}) AS v, count({wanted}) AS n FROM {SAMPLE} GROUP BY {quoted})"
    )
    told = 1 - _number(within) / whole if whole else 0.0
    return Association(column.name, told, f"its values alone tell {told:.1%} of the target's variance")


def _number(value: float | None) -> float:
    return 0.0 if value is None or value != value else float(value)  # noqa: PLR0124 - NaN


def _auc(survey: Survey, quoted: str, wanted: str) -> float:
    """Returns the area under the ROC curve of a column as a score for the larger class; ties count half."""
    ((auc,),) = survey.ask(
        f"WITH rows AS (SELECT {quoted} AS x, {wanted} = (SELECT max({wanted}) FROM {SAMPLE}) AS y FROM {SAMPLE} "
        f"WHERE {quoted} IS NOT NULL AND {wanted} IS NOT NULL), groups AS (SELECT x, count(*) FILTER (y) AS p, "
        "count(*) FILTER (NOT y) AS n FROM rows GROUP BY x), below AS (SELECT p, n, coalesce(sum(n) OVER (ORDER BY x ROWS "
        "BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS less FROM groups) "
        "SELECT sum(p * (less + n / 2.0)) / nullif(sum(p)::DOUBLE * sum(n), 0) FROM below"
    )
    return 0.5 if auc is None else float(auc)


def _ranges(survey: Survey, column: ColumnSurvey) -> str:
    """Returns SQL that gives each row the range of its value: ranges with equally many rows, at least 20."""
    ranges = max(2, min(FEW, survey.sampled // _ROWS_OF_A_RANGE))
    return f"ntile({ranges}) OVER (ORDER BY {column.quoted})"


def _shares(survey: Survey, group: str, wanted: str) -> tuple[float, float]:
    """Returns the share of rows whose class is the most frequent of their group, the row itself left out, and that of the most frequent class."""
    ((right, rows, usual),) = survey.ask(
        f"WITH rows AS (SELECT {group} AS g, {wanted} AS y FROM {SAMPLE} WHERE {wanted} IS NOT NULL), "
        "counts AS (SELECT g, y, count(*) AS n FROM rows GROUP BY g, y), best AS (SELECT max(n) AS most, sum(n) AS of FROM counts GROUP BY g) "
        "SELECT (SELECT sum(CASE WHEN of > 1 THEN most - 1 ELSE 0 END) FROM best), (SELECT sum(CASE WHEN of > 1 THEN of - 1 ELSE 0 END) FROM best), "
        "(SELECT max(n) FROM (SELECT sum(n) AS n FROM counts GROUP BY y))"
    )
    ((known,),) = survey.ask(f"SELECT count({wanted}) FROM {SAMPLE}")
    return (right / rows if rows else 0.0), (usual / known if known else 1.0)
