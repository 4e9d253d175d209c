"""A schema inferred from the train split, wide enough that ordinary clean data of the other splits fits.

TFDV's own inference takes the train split for the whole truth: one missing value or one new city in the eval split is
then an anomaly. Here only what the train split makes sure of becomes a rule; a curated schema tightens it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from stellwerk.components.validation.statistics import by_column, common

USUAL_SHARE = 0.1
"""A column with values in fewer examples than this is sparse: a split without any is no surprise."""
EXPECTED_VALUES = 20
"""So is one of which the smallest split should have fewer values than this."""
OCCURRENCES = 10
"""A vocabulary is closed when its values occur at least this often on average ..."""
BOOLEAN_ROWS = 100
"""Zeros and ones in fewer examples than this may as well be small numbers."""


def infer(
    train: statistics_pb2.DatasetFeatureStatisticsList,
    *,
    smallest: int,
    target: str,
    categorical: Collection[str],
    is_open: Callable[[Collection[str]], Collection[str]] | None = None,
    media: Collection[str] = (),
) -> schema_pb2.Schema:
    """Returns the schema of the train split, to be asked of splits with as few as `smallest` examples.

    `target` is the column that must always be present; `categorical` names integers whose statistics count values. `is_open` says
    which of the columns whose values would be the only right ones may have others: it is asked about all of them at once. `media`
    are columns of pictures.
    """
    schema = tfdv.infer_schema(train, infer_feature_shape=False)
    statistics = by_column(train)
    domains = {domain.name: domain for domain in schema.string_domain}
    for feature in schema.feature:
        of_feature = statistics[feature.name]
        feature.ClearField("value_count")
        if feature.name in media:
            feature.image_domain.SetInParent()
        if feature.type == schema_pb2.INT:
            _relax_integers(feature, of_feature, categorical)
        elif feature.type == schema_pb2.FLOAT:
            feature.float_domain.disallow_nan = True
            feature.float_domain.disallow_inf = True
        if feature.name == target:
            feature.presence.min_fraction, feature.presence.min_count = 1, 1
            continue
        _relax_presence(feature, of_feature, smallest)
        if feature.domain:
            _relax_domain(feature, of_feature, smallest)
    if is_open is not None:
        _open(schema, target, is_open)
    used = {feature.domain for feature in schema.feature}
    _keep_domains(schema, domains, used)
    return schema


def _open(schema: schema_pb2.Schema, target: str, is_open: Callable[[Collection[str]], Collection[str]]) -> None:
    """Forgets the values of columns that may have others."""
    closed = {
        feature.name: feature
        for feature in schema.feature
        if feature.name != target and (feature.domain or feature.HasField("bool_domain"))
    }
    for name in is_open(list(closed)) if closed else ():
        closed[name].ClearField("domain_info")
        closed[name].ClearField("distribution_constraints")


def _keep_domains(
    schema: schema_pb2.Schema, domains: Mapping[str, schema_pb2.StringDomain], used: Collection[str]
) -> None:
    kept = [domain for name, domain in domains.items() if name in used]
    copies = [schema_pb2.StringDomain.FromString(domain.SerializeToString()) for domain in kept]
    del schema.string_domain[:]
    schema.string_domain.extend(copies)


def _relax_integers(
    feature: schema_pb2.Feature, statistics: statistics_pb2.FeatureNameStatistics, categorical: Collection[str]
) -> None:
    if feature.name in categorical:
        feature.int_domain.is_categorical = True
    elif feature.HasField("bool_domain") and common(statistics).num_non_missing < BOOLEAN_ROWS:
        feature.ClearField("bool_domain")


def _relax_presence(
    feature: schema_pb2.Feature, statistics: statistics_pb2.FeatureNameStatistics, smallest: int
) -> None:
    present, missing = common(statistics).num_non_missing, common(statistics).num_missing
    share = present / max(1, present + missing)
    if not missing and present:
        feature.presence.min_fraction = _tolerant(smallest, 5)
    elif share < USUAL_SHARE or share * smallest < EXPECTED_VALUES:
        feature.presence.min_count = 0


def _relax_domain(feature: schema_pb2.Feature, statistics: statistics_pb2.FeatureNameStatistics, smallest: int) -> None:
    """Keeps the values as a rule where the vocabulary is closed, with room for a few new ones; else forgets them.

    By Good and Turing the share of values still unseen is about that of the values seen once (Good, 1953).
    """
    mass = _tolerant(smallest, 10)
    strings = statistics.string_stats
    present = max(1, strings.common_stats.num_non_missing)
    once = sum(bucket.sample_count <= 1 for bucket in strings.rank_histogram.buckets)
    if strings.unique * OCCURRENCES > present or 2 * once / present > 1 - mass:
        feature.ClearField("domain")
    else:
        feature.distribution_constraints.min_domain_mass = mass


def _tolerant(rows: int, exceptions: int) -> float:
    """Returns the share that holds with 1 % of exceptions, or in few `rows` with a handful, in steps of 0.01."""
    return max(0.5, math.floor(100 * (1 - max(0.01, exceptions / max(1, rows))) + 1e-9) / 100)
