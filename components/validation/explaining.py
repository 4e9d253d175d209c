"""What an anomaly means, how many examples it concerns, and which line of the schema would accept it.

One function per kind of anomaly and one table, `EXPLANATIONS`; kinds that are not in it are told in TFDV's words.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from google.protobuf.message import Message
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from stellwerk.columns import COLUMN_TYPES
from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.validation import counting
from stellwerk.components.validation.statistics import by_column, common
from stellwerk.components.validation.writing import as_line
from stellwerk.showing import few

SHOWN = 5
"""How many unexpected values a message names."""
ADDED = 20
"""Up to this many new values a fix adds to the domain; with more the vocabulary is not closed."""
TYPES = {"BYTES": "texts", "STRING": "texts", "INT": "whole numbers", "FLOAT": "numbers with fractions"}


@dataclass(frozen=True)
class Held:
    """One split and the schema it is held to."""

    examples: Examples
    split: str
    target: str
    schema: schema_pb2.Schema
    statistics: statistics_pb2.DatasetFeatureStatisticsList

    @cached_property
    def features(self) -> dict[str, schema_pb2.Feature]:
        """The schema's features by column."""
        return {feature.name: feature for feature in self.schema.feature}

    @cached_property
    def columns(self) -> dict[str, statistics_pb2.FeatureNameStatistics]:
        """The statistics by column."""
        return by_column(self.statistics)

    @cached_property
    def inferred(self) -> dict[str, schema_pb2.Feature]:
        """What a schema made from this split would say of each column."""
        schema = tfdv.infer_schema(self.statistics, infer_feature_shape=False)
        return {feature.name: feature for feature in schema.feature}

    @cached_property
    def updated(self) -> dict[str, schema_pb2.Feature]:
        """What the schema would have to say of each column for TFDV to accept this split."""
        schema = tfdv.update_schema(self.schema, self.statistics)
        return {feature.name: feature for feature in schema.feature}


@dataclass(frozen=True)
class Finding:
    """One anomaly of one column, and where to look closer."""

    held: Held
    column: str
    kind: str
    said: str

    @property
    def feature(self) -> schema_pb2.Feature:
        """The column in the schema; an empty feature where the schema lacks it."""
        return self.held.features.get(self.column, schema_pb2.Feature(name=self.column))

    @property
    def of_column(self) -> statistics_pb2.FeatureNameStatistics | None:
        """The column's statistics; None where the data lack it."""
        return self.held.columns.get(self.column)

    @property
    def present(self) -> int:
        """Examples with a value."""
        return int(common(self.of_column).num_non_missing) if self.of_column else 0

    @property
    def missing(self) -> int:
        """Examples without one."""
        return self.held.examples.rows(self.held.split) - self.present

    def count(self, predicate: counting.Predicate) -> int:
        """Returns how many examples the predicate holds of."""
        return counting.count(self.held.examples, self.held.split, self.column, predicate)


@dataclass(frozen=True)
class Explanation:
    """What it is, how many examples (None: not a matter of single examples), and the change that accepts it."""

    what: str
    examples: int | None
    accept: str
    in_schema: bool = True
    """Whether that change is one of the schema."""
    domain: str = ""
    """The string domain to change, where it is not the feature."""


def explain(finding: Finding) -> Explanation:
    """Explains an anomaly."""
    return EXPLANATIONS.get(finding.kind, _in_tfdvs_words)(finding)


def _unexpected_values(finding: Finding) -> Explanation:
    domain, name = _domain(finding)
    known = set(domain)
    examples = finding.count(counting.not_among(known))
    new = [value for value in _values(finding) if value not in known]
    shown = few((json.dumps(value, ensure_ascii=False) for value in new), SHOWN)
    if new and len(new) <= ADDED:
        lines = " ".join(f"value: {_quoted(value)}" for value in new)
        accept = f'in string_domain "{name}" add {lines}'
    else:
        accept, name = f'in feature "{finding.column}" remove the domain', ""
    allowed = finding.feature.distribution_constraints.min_domain_mass
    what = f"values that the schema does not know: {shown}"
    if finding.feature.HasField("distribution_constraints") and allowed < 1:
        what += f" (more than the {1 - allowed:.2%} allowed)"
    return Explanation(what, examples, accept, domain=name)


def _domain(finding: Finding) -> tuple[list[str], str]:
    feature = finding.feature
    if feature.HasField("string_domain"):
        return list(feature.string_domain.value), feature.string_domain.name
    if feature.HasField("bool_domain"):
        return [feature.bool_domain.true_value, feature.bool_domain.false_value], ""
    named = [domain for domain in finding.held.schema.string_domain if domain.name == feature.domain]
    return (list(named[0].value), named[0].name) if named else ([], "")


def _values(finding: Finding) -> list[str]:
    if finding.of_column is None:
        return []
    return [bucket.label for bucket in finding.of_column.string_stats.rank_histogram.buckets]


def _unexpected_boolean(finding: Finding) -> Explanation:
    values = _unexpected_values(finding)
    return Explanation(values.what, values.examples, f'in feature "{finding.column}" remove bool_domain')


def _new_column(finding: Finding) -> Explanation:
    feature = schema_pb2.Feature()
    feature.CopyFrom(finding.held.inferred[finding.column])
    for field in ("domain", "bool_domain", "value_count"):
        feature.ClearField(field)
    return Explanation("a column that the schema lacks", finding.present, f"add feature {{ {as_line(feature)} }}")


def _missing_column(finding: Finding) -> Explanation:
    if finding.of_column is None:
        accept = "remove the feature, or add lifecycle_stage: DEPRECATED to it"
        return Explanation("the data lack the column", finding.missing, accept)
    if finding.column == finding.held.target:
        return _no_target(finding)
    return Explanation(
        "no example has a value", finding.missing, f'in feature "{finding.column}" set presence {{ min_count: 0 }}'
    )


def _no_target(finding: Finding) -> Explanation:
    accept = f"leave these rows out in data.query, e.g. WHERE {finding.column} IS NOT NULL"
    return Explanation("examples without a target: nothing to learn or to measure", finding.missing, accept, False)


def _too_few_values(finding: Finding) -> Explanation:
    if finding.column == finding.held.target:
        return _no_target(finding)
    presence = finding.feature.presence
    share = finding.present / max(1, finding.present + finding.missing)
    asked = (
        f"{presence.min_fraction:.2%} of the examples" if presence.min_fraction else f"{presence.min_count} examples"
    )
    accept = f"presence {{ min_fraction: {int(share * 1000) / 1000:g} min_count: {min(presence.min_count, finding.present)} }}"
    return Explanation(
        f"values in {share:.2%} of the examples; the schema asks for {asked}",
        finding.missing,
        f'in feature "{finding.column}" set {accept}',
    )


def _wrong_type(finding: Finding) -> Explanation:
    asked = schema_pb2.FeatureType.Name(finding.feature.type)
    of_column = finding.of_column
    came = "BYTES" if of_column is None else statistics_pb2.FeatureNameStatistics.Type.Name(of_column.type)
    came = "BYTES" if came == "STRING" else came
    return Explanation(
        f"{TYPES.get(came, came)} where the schema has {TYPES.get(asked, asked)} (type: {asked})",
        finding.present,
        f'in feature "{finding.column}" set type: {came} and remove the domain if it has one',
    )


def _has_nan(finding: Finding) -> Explanation:
    accept = f'in feature "{finding.column}" set float_domain {{ disallow_nan: false }}'
    return Explanation("values that are no numbers (NaN)", finding.count(counting.is_nan), accept)


def _has_infinity(finding: Finding) -> Explanation:
    accept = f'in feature "{finding.column}" set float_domain {{ disallow_inf: false }}'
    return Explanation("infinite values", finding.count(counting.is_infinite), accept)


def _too_big(finding: Finding) -> Explanation:
    return _out_of_range(finding, "max", "more", counting.above)


def _too_small(finding: Finding) -> Explanation:
    return _out_of_range(finding, "min", "less", counting.below)


def _out_of_range(
    finding: Finding, end: str, word: str, predicate: Callable[[float], counting.Predicate]
) -> Explanation:
    which = finding.feature.WhichOneof("domain_info")
    kind = finding.held.examples.columns.get(finding.column)
    if kind is None or not COLUMN_TYPES[kind].number or which not in ("int_domain", "float_domain"):
        return _in_tfdvs_words(finding)
    limit = getattr(getattr(finding.feature, which), end)
    reached = _extreme(finding, end)
    return Explanation(
        f"values {word} than {limit:g}, as far as {reached:g}",
        finding.count(predicate(limit)),
        f'in feature "{finding.column}" set {which} {{ {end}: {reached:g} }}',
    )


def _extreme(finding: Finding, end: str) -> float:
    of_column = finding.held.columns[finding.column]
    if of_column.HasField("num_stats"):
        return float(getattr(of_column.num_stats, end))
    return float((max if end == "max" else min)(int(value) for value in _values(finding)))


def _in_tfdvs_words(finding: Finding) -> Explanation:
    after = finding.held.updated.get(finding.column, finding.feature)
    changes = difflib.ndiff(_lines(finding.feature), _lines(after))
    added = " ".join(line[2:].strip() for line in changes if line.startswith("+ "))
    accept = f'in feature "{finding.column}" set {added}' if added else f'correct feature "{finding.column}"'
    return Explanation(finding.said.strip().rstrip("."), None, accept)


def _quoted(value: str) -> str:
    return as_line(schema_pb2.Feature(name=value)).removeprefix("name: ")


def _lines(message: Message) -> list[str]:
    text: str = text_format.MessageToString(message, as_utf8=True)
    return text.splitlines()


EXPLANATIONS: dict[str, Callable[[Finding], Explanation]] = {
    "BOOL_TYPE_UNEXPECTED_STRING": _unexpected_boolean,
    "ENUM_TYPE_UNEXPECTED_STRING_VALUES": _unexpected_values,
    "FEATURE_TYPE_LOW_FRACTION_PRESENT": _too_few_values,
    "FEATURE_TYPE_LOW_NUMBER_PRESENT": _too_few_values,
    "FEATURE_TYPE_NOT_PRESENT": _missing_column,
    "FLOAT_TYPE_BIG_FLOAT": _too_big,
    "FLOAT_TYPE_HAS_INF": _has_infinity,
    "FLOAT_TYPE_HAS_NAN": _has_nan,
    "FLOAT_TYPE_SMALL_FLOAT": _too_small,
    "INT_TYPE_BIG_INT": _too_big,
    "INT_TYPE_SMALL_INT": _too_small,
    "SCHEMA_MISSING_COLUMN": _missing_column,
    "SCHEMA_NEW_COLUMN": _new_column,
    "UNEXPECTED_DATA_TYPE": _wrong_type,
}
