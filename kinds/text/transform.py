"""`type: text`: normalised, cut into words, then counted or numbered."""

from __future__ import annotations

import math

import tensorflow as tf

from stellwerk.kinds import outputs
from stellwerk.kinds.columns import Columns
from stellwerk.kinds.measures import Words
from stellwerk.kinds.text.cleaning import words_of
from stellwerk.kinds.text.keys import Text
from stellwerk.kinds.text.wordpiece import WORDS, learned, pieces_of
from stellwerk.kinds.transforming import Asked, Known, each
from stellwerk.kinds.vocabulary import lookup


def measured(name: str, feature: Text, columns: Columns) -> dict[str, Asked]:
    """Asks how often each word occurs, and in how many texts."""
    return {"words": Asked(Words(), words_of(columns.name(*feature.columns_of(name)), feature))}


@each
def transform(name: str, feature: Text, columns: Columns, known: Known) -> list[outputs.Output]:
    """Returns the TF-IDF of the vocabulary's words, or the ids of the first `max_tokens` words or pieces.

    TF-IDF: (times in the text / words in the text) * (ln((texts + 1) / (texts with the word + 1)) + 1), as TFT has it.
    """
    words = words_of(columns.name(*feature.columns_of(name)), feature)
    vocabulary = _vocabulary(feature, known.measures["words"])
    if feature.tokens == "wordpiece":
        words = pieces_of(words, vocabulary)
    ids = lookup(words.flat_values, name, vocabulary, 1, known.folder)
    if feature.encoding == "tokens":
        tokens = words.with_flat_values(ids + 1).to_tensor(0, shape=[None, feature.max_tokens])
        size = len(vocabulary) + 2
        return [outputs.tokens(name, name, tokens, size=size, length=feature.max_tokens, embedding=feature.embedding)]
    width = max(1, len(vocabulary))
    return [
        outputs.vector(name, name, _tf_idf(words.with_flat_values(ids), vocabulary, known.measures["words"]), width)
    ]


def _vocabulary(feature: Text, measure: Words) -> list[str]:
    if feature.tokens == "words":
        return measure.vocabulary(feature.vocabulary)
    return learned(measure.most_frequent(WORDS), feature.vocabulary)


def _tf_idf(ids: tf.RaggedTensor, vocabulary: list[str], measure: Words) -> tf.Tensor:
    if not vocabulary:
        return tf.zeros([ids.nrows(), 1])
    rarity = [math.log((measure.texts + 1) / (measure.texts_with(word) + 1)) + 1 for word in vocabulary]
    inside = ids.flat_values < len(vocabulary)
    places = tf.boolean_mask(tf.stack([ids.value_rowids(), ids.flat_values], axis=1), inside)
    shape = tf.cast(tf.stack([ids.nrows(), len(vocabulary)]), tf.int64)
    times = tf.scatter_nd(places, tf.ones(tf.shape(places)[:1]), shape)
    length = tf.cast(tf.maximum(ids.row_lengths(), 1), tf.float32)
    return times / length[:, tf.newaxis] * tf.constant(rarity, tf.float32)
