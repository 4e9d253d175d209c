"""The data sections: how many rows each split has, and a card with the distribution of every column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from stellwerk.errors import UsageError
from stellwerk.kinds.parts import Way, showing
from stellwerk.report.charts import key, tag
from stellwerk.report.distributions import histogram, top_values
from stellwerk.report.gathering import Report
from stellwerk.report.pictures import galleries
from stellwerk.report.reading import Missing
from stellwerk.report.statistics import SPLIT_ORDER, TOP_VALUES, Column, FeatureStatistics, Numbers, Values
from stellwerk.report.wording import NOTHING, count, day, days, measure, moment, share

MUCH_MISSING = 0.05
"""From this share on, missing values are told beside the name of the column."""

STYLES = ("s0", "s1", "s2")


@dataclass(frozen=True)
class Profile:
    """One card: a column, its picture, and a table with one column a split."""

    name: str
    kind: str
    splits: tuple[str, ...]
    drawn: Markup
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    missing: str
    """Where, and in what share, values are missing; empty where that is not worth a look."""
    anomalies: str


@dataclass(frozen=True)
class Split:
    """Rows of one split and their share of all."""

    name: str
    rows: int
    share: float
    style: str
    sample: Markup

    @property
    def percent(self) -> float:
        """Length of its bar."""
        return round(100 * self.share, 1)


def style_of(split: str) -> str:
    """Returns the class that draws a split, the same all over the page."""
    return STYLES[SPLIT_ORDER.index(split)] if split in SPLIT_ORDER else STYLES[-1]


def data_section(report: Report) -> dict[str, Any]:
    """Returns what the data template needs."""
    if isinstance(report.data, Missing):
        return {"splits": [], "galleries": ()}
    rows = report.data.rows
    total = sum(rows.values()) or 1
    names = [name for name in SPLIT_ORDER if name in rows] + [name for name in rows if name not in SPLIT_ORDER]
    return {
        "splits": [
            Split(name, rows[name], rows[name] / total, style_of(name), _swatch(style_of(name))) for name in names
        ],
        "galleries": galleries(None if isinstance(report.evaluation, Missing) else report.evaluation),
    }


def _swatch(style: str) -> Markup:
    square = tag("rect", class_=f"bar {style}", width=10, height=10, rx=2)
    return tag("svg", square, class_="swatch", width=10, height=10, aria_hidden="true")


def features_section(report: Report, most: int | None = None) -> dict[str, Any]:
    """Returns what the columns template needs; of more than `most` columns those with anomalies first."""
    if isinstance(report.statistics, Missing):
        return {"features": [], "split_key": "", "columns_left_out": 0}
    troubled = Counter() if isinstance(report.anomalies, Missing) else Counter(row.column for row in report.anomalies)
    moments = _moments(report.setting("features"))
    splits = dict.fromkeys(split for feature in report.statistics for split in feature.splits)
    shown = list(report.statistics)
    if most is not None and len(shown) > most:
        shown = sorted(shown, key=lambda feature: not troubled[feature.name])[:most]
    return {
        "features": [_profile(feature, troubled[feature.name], feature.name in moments) for feature in shown],
        "columns_left_out": len(report.statistics) - len(shown),
        "split_key": key([(split, style_of(split)) for split in splits]),
    }


def _moments(features: Any) -> set[str]:
    """Columns that are shown as moments, as the kinds of the features made of them want it."""
    entries = features.items() if isinstance(features, Mapping) else ()
    known = [(name, entry) for name, entry in entries if isinstance(entry, Mapping)]
    return {str(entry.get("column") or name) for name, entry in known if _way(entry) == "moment"}


def _way(entry: Mapping[str, Any]) -> Way:
    """Returns how a feature's columns are shown; as quantities where its kind is of a package that is here no more."""
    try:
        kind = showing(str(entry.get("type") or ""))
    except UsageError:
        return "quantity"
    return "quantity" if kind is None else kind.way(entry)


def _profile(feature: FeatureStatistics, anomalies: int, time: bool) -> Profile:
    columns = tuple(feature.splits.values())
    rows = [("missing", tuple(share(column.missing_share) for column in columns))]
    drawn = Markup("")
    if any(column.numbers for column in columns):
        rows += _number_rows([column.numbers for column in columns], TIME_ROWS if time else NUMBER_ROWS)
        drawn = _histogram(feature, time)
    elif any(column.values for column in columns):
        rows += _value_rows([column.values for column in columns], text=feature.kind == "text")
        drawn = _top_values(feature)
    flagged = f"{anomalies} {'anomaly' if anomalies == 1 else 'anomalies'}" if anomalies else ""
    return Profile(
        feature.name,
        "time" if time and drawn else feature.kind,
        tuple(feature.splits),
        drawn,
        tuple(rows),
        _missing(feature),
        flagged,
    )


def _missing(feature: FeatureStatistics) -> str:
    """Returns the largest share of missing values of any split, where it is worth a look, and which split that is."""
    split, part = feature.most_missing
    if part < MUCH_MISSING:
        return ""
    alike = {share(column.missing_share) for column in feature.splits.values()} == {share(part)}
    return f"{share(part)} missing" if alike else f"up to {share(part)} missing ({split})"


NUMBER_ROWS: tuple[tuple[str, Callable[[Numbers], str]], ...] = (
    ("mean", lambda numbers: measure(numbers.mean)),
    ("std", lambda numbers: measure(numbers.std)),
    ("min", lambda numbers: measure(numbers.min)),
    ("median", lambda numbers: measure(numbers.median)),
    ("max", lambda numbers: measure(numbers.max)),
    ("zeros", lambda numbers: count(numbers.zeros)),
)
TIME_ROWS: tuple[tuple[str, Callable[[Numbers], str]], ...] = (
    ("mean", lambda numbers: day(numbers.mean)),
    ("std", lambda numbers: days(numbers.std)),
    ("first", lambda numbers: moment(numbers.min)),
    ("median", lambda numbers: day(numbers.median)),
    ("last", lambda numbers: moment(numbers.max)),
)


def _number_rows(
    splits: Sequence[Numbers | None], shown: Sequence[tuple[str, Callable[[Numbers], str]]]
) -> list[tuple[str, tuple[str, ...]]]:
    return [
        (name, tuple(NOTHING if numbers is None else written(numbers) for numbers in splits)) for name, written in shown
    ]


def _value_rows(splits: Sequence[Values | None], *, text: bool) -> list[tuple[str, tuple[str, ...]]]:
    rows = [("unique", tuple(NOTHING if values is None else count(values.unique) for values in splits))]
    if text:
        lengths = tuple(NOTHING if values is None else measure(values.mean_length) for values in splits)
        rows.append(("mean length", lengths))
    return rows


def _histogram(feature: FeatureStatistics, time: bool) -> Markup:
    shown = [
        (split, style_of(split), column.numbers.buckets) for split, column in feature.splits.items() if column.numbers
    ]
    return histogram(
        shown,
        title=f"Distribution of {feature.name} by split",
        label=feature.name,
        written=day if time else measure,
        time=time,
    )


def _top_values(feature: FeatureStatistics) -> Markup:
    first = next((column.values for column in feature.splits.values() if column.values and column.values.top), None)
    if first is None:
        return Markup("")
    shares = {split: _shares(column) for split, column in feature.splits.items()}
    rows = [
        (value, [(split, style_of(split), known.get(value, 0.0)) for split, known in shares.items()])
        for value, _ in first.top[:TOP_VALUES]
    ]
    return top_values(rows, title=f"Most frequent values of {feature.name} by split")


def _shares(column: Column) -> dict[str, float]:
    total = column.present or 1
    return {value: rows / total for value, rows in column.values.top} if column.values else {}
