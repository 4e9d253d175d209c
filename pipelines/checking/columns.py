"""Every column that a spec names: whether it is there, and whether it can be what the spec makes of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from stellwerk.columns import COLUMN_TYPES, ColumnType
from stellwerk.components.ingestion.columns import nested
from stellwerk.components.ingestion.probing import Probe
from stellwerk.errors import did_you_mean
from stellwerk.loading.document import Keys
from stellwerk.pipelines.checking.features import misfit
from stellwerk.pipelines.checking.labels import check_class_weights, check_target
from stellwerk.pipelines.checking.measuring import find_unmeasurable
from stellwerk.showing import listed
from stellwerk.spec import SPLITS, Spec
from stellwerk.spec.data import ColumnSplit, HashSplit, TimeSplit
from stellwerk.spec.features.patterns import expand, is_pattern, winner

Found = tuple[Keys, str]


def find_problems(spec: Spec, seen: Probe) -> Iterator[Found]:
    """Yields what is wrong with the columns that `spec` names, as far as a look at the data tells."""
    if not seen.seen:
        return
    features = expand(spec.features, seen.columns, _apart(spec))
    patterns = {
        column: winner(column, [name for name, feature in spec.features.items() if is_pattern(name, feature)]) or column
        for column in features
        if column not in spec.features
    }
    yield from _meaningless(spec, patterns.values(), seen)
    told: set[Keys] = set()
    for keys, message in _problems(spec.model_copy(update={"features": features}), seen):
        if keys[0] != "features" or keys[1] not in patterns:
            yield keys, message
            continue
        of_pattern = ("features", patterns[str(keys[1])], *keys[2:])
        if of_pattern not in told:  # one column tells it for all of the pattern
            told.add(of_pattern)
            yield of_pattern, message


def _problems(spec: Spec, seen: Probe) -> Iterator[Found]:
    """Yields what is wrong with a spec without patterns."""
    found = list(_alone(spec, seen))
    yield from found
    if not found and seen.refusal is None:  # rows that are dealt otherwise once the rest is mended would say nothing
        yield from find_unmeasurable(spec, seen)


def _alone(spec: Spec, seen: Probe) -> Iterator[Found]:
    """Yields what is wrong with the columns, each by itself."""
    named = list(_named(spec))
    for keys, column in named:
        if column in seen.nested:
            if keys[0] != "features":
                yield keys, f"{nested(column, seen.nested[column])}"
        elif column not in seen.columns:
            near = did_you_mean(column, seen.columns)
            yield keys, f"there is no column '{column}' in the data.{near} Columns: {listed(seen.columns)}."
    if seen.complete and seen.sample is not None and seen.sample.num_rows == 0:
        if seen.refusal is None:
            yield ("data", "query" if spec.data.query else "sources"), _no_rows(spec)
        return
    yield from _features(spec, seen)
    if spec.target.column in seen.columns:
        yield from check_target(spec.target, seen)
        yield from check_class_weights(spec, seen)
    yield from _split(spec, seen)
    yield from _slices(spec, seen)
    yield from _comparators(spec, seen)


def _apart(spec: Spec) -> list[str]:
    """Returns the columns that no pattern means: the target, and what splits the rows."""
    return [spec.target.column, *spec.data.split.columns]


def _meaningless(spec: Spec, meant: Collection[str], seen: Probe) -> Iterator[Found]:
    """Yields patterns that mean no column."""
    for name, feature in spec.features.items():
        if is_pattern(name, feature) and name not in meant:
            advice = "Change the pattern, or give the feature a `column` where that is its name."
            yield ("features", name), f"'{name}' means no column. {advice} Columns: {listed(seen.columns)}."


def _no_rows(spec: Spec) -> str:
    if spec.data.query:
        return "gives no rows. Check its joins and filters."
    return "hold no rows, only columns. Give files with data."


def _named(spec: Spec) -> Iterator[Found]:
    """Yields every column that the spec names, with the keys where it does."""
    yield ("target", "column"), spec.target.column
    for name, feature in spec.features.items():
        for position, column in enumerate(feature.columns_of(name)):
            yield ("features", name, *feature.key_of(position)), column
    split = spec.data.split
    if isinstance(split, HashSplit):
        yield from ((("data", "split", "key", at), column) for at, column in enumerate(split.key))
        if split.stratify is not None:
            yield ("data", "split", "stratify"), split.stratify
    else:
        yield ("data", "split", "column"), split.column
    for at, columns in enumerate(spec.evaluate.slices):
        yield from ((("evaluate", "slices", at, inner), column) for inner, column in enumerate(columns))
    for kind, columns_of in (("skew", spec.validate_.skew), ("drift", spec.validate_.drift)):
        yield from ((("validate", kind, column), column) for column in columns_of)


def _features(spec: Spec, seen: Probe) -> Iterator[Found]:
    for name, feature in spec.features.items():
        for column in feature.columns_of(name):
            wrong = misfit(feature, column, seen) if column in seen.columns or column in seen.nested else None
            if wrong is not None:
                key, message = wrong
                yield ("features", name, key), message


def _split(spec: Spec, seen: Probe) -> Iterator[Found]:
    split = spec.data.split
    known = _type_of(seen, split.column) if isinstance(split, TimeSplit) else None
    if isinstance(split, TimeSplit) and known is not None and not known.number:
        message = f"'{split.column}' holds texts; a split by time needs a number or a timestamp"
        yield ("data", "split", "column"), f"{message}. Give the source `types`, or convert it with CAST in data.query."
    if isinstance(split, ColumnSplit) and split.column in seen.columns:
        absent = seen.absent(split.column, [value for name in SPLITS for value in split.values(name)])
        for name in SPLITS:
            wanted = split.values(name)
            if set(wanted) <= set(absent):
                there = [str(value) for value in seen.values(split.column).found]
                message = f"no row has {' or '.join(map(repr, wanted))} in '{split.column}', so {name} would be empty"
                near = did_you_mean(wanted[0], there) if wanted else ""
                yield ("data", "split", name), f"{message}.{near} It holds: {', '.join(sorted(there)[:20])}."


def _slices(spec: Spec, seen: Probe) -> Iterator[Found]:
    for at, columns in enumerate(spec.evaluate.slices):
        for inner, column in enumerate(columns):
            known = _type_of(seen, column)
            if known is not None and not known.repeats:
                message = f"'{column}' holds values that are rarely equal; slices are made of texts and whole numbers"
                advice = f"Make ranges of it in data.query, e.g. CAST({column} / 100 AS BIGINT) AS {column}_100."
                yield ("evaluate", "slices", at, inner), f"{message}. {advice}"


def _comparators(spec: Spec, seen: Probe) -> Iterator[Found]:
    for kind, compared in (("skew", spec.validate_.skew), ("drift", spec.validate_.drift)):
        for column, comparator in compared.items():
            if comparator.l_infinity is not None and seen.columns.get(column) == "float":
                message = (
                    f"'{column}' holds numbers with fractions, and l_infinity compares the shares of single values"
                )
                yield ("validate", kind, column, "l_infinity"), f"{message}. Use jensen_shannon."


def _type_of(seen: Probe, column: str) -> ColumnType | None:
    return COLUMN_TYPES[seen.columns[column]] if column in seen.columns else None
