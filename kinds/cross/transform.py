"""`type: cross`: several columns joined and hashed to one id."""

from __future__ import annotations

import tensorflow as tf

from stellwerk.kinds import outputs
from stellwerk.kinds.columns import Columns
from stellwerk.kinds.cross.keys import Cross
from stellwerk.kinds.transforming import Asked, Known, each

_BETWEEN = "\x1f"
"""ASCII's unit separator: ("a", "bc") must not become the same as ("ab", "c")."""


def measured(name: str, feature: Cross, columns: Columns) -> dict[str, Asked]:  # noqa: ARG001 - every feature is asked alike
    """Asks for nothing: a hash needs no vocabulary."""
    return {}


@each
def transform(name: str, feature: Cross, columns: Columns, known: Known) -> list[outputs.Output]:  # noqa: ARG001
    """Returns the hash of the joined values; a missing value is one more value."""
    joined = tf.strings.join([columns.name(column) for column in feature.columns], _BETWEEN)
    ids = tf.strings.to_hash_bucket_fast(joined, feature.buckets)
    return [outputs.ids(name, name, ids, feature.buckets, embedding=feature.embedding, cross=True)]
