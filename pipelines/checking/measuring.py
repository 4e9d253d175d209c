"""Whether what is asked of the model, and of the data, can be measured on the rows that each split gets."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

from stellwerk.components.ingestion.probing import Probe
from stellwerk.loading.document import Keys
from stellwerk.metrics import METRICS
from stellwerk.pipelines.checking.values import counted
from stellwerk.spec import SPLITS, Spec
from stellwerk.spec.data import ColumnSplit, HashSplit, TimeSplit
from stellwerk.tasks.classes import is_words, word_sides
from stellwerk.tasks.measures import measures

Found = tuple[Keys, str]

_SHOWN = 5
_UNIQUE = 0.9
"""Of the rows of a column, as many different values: a name of the row and no property of it."""


def find_unmeasurable(spec: Spec, seen: Probe) -> Iterator[Found]:
    """Yields splits without rows or classes, metrics that need what they lack, and comparisons that always or never refuse."""
    yield from _moved(spec, seen)
    if not seen.targets:
        return
    empty = [split for split in SPLITS if not seen.targets[split].total()]
    if empty:
        yield from _empty(spec, seen, empty[0])
    elif spec.target.about.has_classes:
        yield from _classes(spec, {split: _named(values) for split, values in seen.targets.items()})


def _empty(spec: Spec, seen: Probe, split: str) -> Iterator[Found]:
    counts = ", ".join(f"{name} {seen.targets[name].total():,}" for name in SPLITS)
    asked = spec.data.split
    if isinstance(asked, ColumnSplit):
        return  # told with the values that the column has
    if isinstance(asked, TimeSplit) and asked.test_from is not None:
        there = [value for value in counted(seen, asked.column) if value == value]  # noqa: PLR0124 - NaN
        span = f" '{asked.column}' goes from {min(there)} to {max(there)}." if there else ""
        message = f"no rows for {split} (rows: {counts}).{span} Move eval_from and test_from into that"
        yield ("data", "split", "test_from" if split == "test" else "eval_from"), f"{message}."
        return
    key = asked.key if isinstance(asked, HashSplit) else (asked.column,)
    if key:
        why = f"{', '.join(key)} has too few different values. Raise its share, or use another key"
    else:
        why = "equal rows stay together, and there are too few different ones. Raise its share"
        why += f", or use stratify: {spec.target.column}" if spec.target.about.has_classes else ""
    yield ("data", "split"), f"no rows for {split} (rows: {counts}): {why}."


def _classes(spec: Spec, classes: dict[str, Counter[str]]) -> Iterator[Found]:
    """Yields what comes of classes that a split has none of."""
    every = sum(classes.values(), Counter[str]())
    if len(every) < 2:
        return
    unseen = [name for name in every if name not in classes["train"]]
    if unseen and spec.validate_.on_anomaly == "fail":
        where = ", ".join(f"{split} {count:,}" for split in SPLITS if (count := classes[split][unseen[0]]))
        message = f"no row of train has the class '{unseen[0]}' of '{spec.target.column}' (rows: {where})"
        more = f", nor {len(unseen) - 1} more" if len(unseen) > 1 else ""
        yield ("data", "split"), f"{message}{more}, so the data would be refused. {_otherwise(spec)}"
    elif len(classes["test"]) < 2:
        ((only, count),) = classes["test"].items()
        for metric in METRICS:
            if METRICS[metric].ranks and metric in spec.evaluate.require:
                message = f"cannot be measured: all {count:,} rows of test are of the class '{only}'"
                yield ("evaluate", "require", metric), f"{message}. {_otherwise(spec)}"


def _otherwise(spec: Spec) -> str:
    if isinstance(spec.data.split, HashSplit) and not spec.data.split.key:
        return f"Use stratify: {spec.target.column}, or leave out classes with a few rows in data.query."
    return "Split otherwise, or leave out what is in one split only in data.query."


def _named(values: Counter[Any]) -> Counter[str]:
    """Returns how often each class occurs, by the name that it will have; of two words for true or false, one."""
    names: Counter[str] = Counter()
    for value, count in values.items():
        if value is not None:
            names[str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)] += count
    words = [name.strip().lower() for name in names]
    pairs = sorted({word for word in words if any(is_words((word, other)) for other in words)})
    if not names or set(words) != set(pairs):
        return names
    falses, _ = word_sides((pairs[0], next(word for word in pairs if is_words((pairs[0], word)))))
    sides: Counter[str] = Counter()
    for name, count in names.items():
        sides["0" if name.strip().lower() in falses else "1"] += count
    return sides


def _moved(spec: Spec, seen: Probe) -> Iterator[Found]:
    """Yields comparisons of columns that differ between splits because the rows are split by them, and of bytes."""
    by = spec.data.split
    divided = by.column if isinstance(by, (TimeSplit, ColumnSplit)) else None
    for kind, compared in (("skew", spec.validate_.skew), ("drift", spec.validate_.drift)):
        for column in compared:
            if seen.columns.get(column) == "binary":
                yield (
                    ("validate", kind, column),
                    f"'{column}' holds bytes, which have no distribution. Remove the entry.",
                )
            elif kind == "skew" and column == divided:
                message = f"the rows are split by '{column}', so it differs between the splits in every run"
                yield ("validate", kind, column), f"{message}. Remove the entry, or compare it by drift."


def find_empty_words(spec: Spec, seen: Probe) -> Iterator[str]:
    """Yields requirements that ask nothing, or of nothing, on these rows: no problem, but good to know."""
    yield from _one_class(spec, seen)
    yield from _met_by_anyone(spec, seen)
    for kind, compared in (("skew", spec.validate_.skew), ("drift", spec.validate_.drift)):
        for column, comparator in compared.items():
            values = counted(seen, column) if seen.columns.get(column) == "string" else Counter()
            if comparator.l_infinity is not None and len(values) > max(_SHOWN, _UNIQUE * values.total()):
                yield f"validate.{kind}.{column}: nearly every row has a value of its own, so no value's share can move."
    rows = seen.targets["test"].total() if seen.targets else 0
    if rows and spec.evaluate.slices and spec.evaluate.min_slice_size > rows:
        size = spec.evaluate.min_slice_size
        yield f"evaluate.min_slice_size: {size:,} examples are more than the {rows:,} rows of test, so no slice is asked anything."
    for at, columns in enumerate(spec.evaluate.slices):
        values = counted(seen, columns[0]) if len(columns) == 1 and columns[0] in seen.columns else Counter()
        if len(values) > max(_SHOWN, _UNIQUE * values.total()):
            yield f"evaluate.slices[{at}]: nearly every row has a value of its own in '{columns[0]}', so a slice is a row."


def _one_class(spec: Spec, seen: Probe) -> Iterator[str]:
    """Yields the splits whose rows are all of one class, so that a ranking of them says nothing."""
    for split in ("eval", "test") if spec.target.about.has_classes else ():
        names = _named(seen.targets.get(split, Counter()))
        if len(names) == 1:
            ((only, count),) = names.items()
            yield f"data.split: all {count:,} rows of {split} are of the class '{only}', so auc cannot be measured there. {_otherwise(spec)}"


def _met_by_anyone(spec: Spec, seen: Probe) -> Iterator[str]:
    """Yields bounds that a model meets which gives every row the same answer."""
    values = seen.targets.get("test", Counter()) or counted(seen, spec.target.column)
    require, target = spec.evaluate.require, spec.target
    if not values or target.about.several:
        return
    if not target.about.has_classes:
        numbers = [float(value) for value in values.elements() if value is not None]
        mean = math.fsum(numbers) / max(1, len(numbers))
        error = math.fsum((value - mean) ** 2 for value in numbers) / max(1, len(numbers))
        if None not in values:
            yield from _looser(spec, {"spread": error, "deviation": math.sqrt(error)}, f"the mean, {mean:.6g},")
        return
    names = _named(values)
    common, count = names.most_common(1)[0]
    share = count / names.total()
    for metric, measure in measures(target.type).items():
        least = require[metric].min if measure.alike == "share" and metric in require else None
        if least is not None and least <= share:
            yield (
                f"evaluate.require.{metric}: {least:g} asks nothing: whoever always answers '{common}' is right in {share:.1%} of the "
                f"rows. Ask for auc, or for {metric}: {{over: linear}}."
            )


def _looser(spec: Spec, reached: dict[str, float], answer: str) -> Iterator[str]:
    require = spec.evaluate.require
    for metric, measure in measures(spec.target.type).items():
        value = reached.get(measure.alike)
        most = require[metric].max if metric in require else None
        if value is not None and most is not None and most >= value:
            yield f"evaluate.require.{metric}: {most:g} asks nothing: whoever always answers {answer} has {value:.6g}."
