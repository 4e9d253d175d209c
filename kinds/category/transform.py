"""`type: category`: a value becomes its place in the vocabulary, or a hash."""

from __future__ import annotations

import tensorflow as tf

from stellwerk.kinds import outputs
from stellwerk.kinds.category.keys import Category
from stellwerk.kinds.columns import Columns
from stellwerk.kinds.measures import Counts
from stellwerk.kinds.transforming import Asked, Known, each
from stellwerk.kinds.vocabulary import lookup


def measured(name: str, feature: Category, columns: Columns) -> dict[str, Asked]:  # noqa: ARG001 - counted without the graph
    """Asks how often each value occurs, unless it is only hashed."""
    return {} if feature.hash else {"counts": Asked(Counts(), feature.columns_of(name)[0])}


@each
def transform(name: str, feature: Category, columns: Columns, known: Known) -> list[outputs.Output]:
    """Returns the id: vocabulary first, most frequent first, then the out-of-vocabulary ids."""
    names = columns.name(*feature.columns_of(name))
    if feature.hash:
        ids = tf.strings.to_hash_bucket_fast(names, feature.hash)
        return [outputs.ids(name, name, ids, feature.hash, embedding=feature.embedding)]
    words = known.measures["counts"].vocabulary(feature.vocabulary, feature.min_count)
    ids = lookup(names, name, words, feature.oov, known.folder)
    return [outputs.ids(name, name, ids, len(words) + feature.oov, embedding=feature.embedding)]
