"""`type: text`: normalised, cut into words, then counted or numbered."""

from __future__ import annotations

import math

import tensorflow as tf

from stellwerk.kinds import outputs
from stellwerk.kinds.columns import Columns
from stellwerk.kinds.measures import Words
from stellwerk.kinds.text.keys import Text
from stellwerk.kinds.transforming import Asked, Known, each
from stellwerk.kinds.vocabulary import lookup

NUMBER = "<number>"
"""The one word that stands for every number with `strip_numbers`."""

_NUMBER_SIGN = "\ue000"
"""Stands for a number until punctuation is gone; a private character that no text should hold."""


def measured(name: str, feature: Text, columns: Columns) -> dict[str, Asked]:
    """Asks how often each word occurs, and in how many texts."""
    return {"words": Asked(Words(), _words(columns.name(*feature.columns_of(name)), feature))}


@each
def transform(name: str, feature: Text, columns: Columns, known: Known) -> list[outputs.Output]:
    """Returns the TF-IDF of the vocabulary's words, or the ids of the first `max_tokens` words.

    TF-IDF: (times in the text / words in the text) * (ln((texts + 1) / (texts with the word + 1)) + 1), as TFT has it.
    """
    words = _words(columns.name(*feature.columns_of(name)), feature)
    vocabulary = known.measures["words"].vocabulary(feature.vocabulary)
    ids = lookup(words.flat_values, name, vocabulary, 1, known.folder)
    if feature.encoding == "tokens":
        tokens = words.with_flat_values(ids + 1).to_tensor(0, shape=[None, feature.max_tokens])
        size = len(vocabulary) + 2
        return [outputs.tokens(name, name, tokens, size=size, length=feature.max_tokens, embedding=feature.embedding)]
    width = max(1, len(vocabulary))
    return [
        outputs.vector(name, name, _tf_idf(words.with_flat_values(ids), vocabulary, known.measures["words"]), width)
    ]


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


def _words(texts: tf.Tensor, feature: Text) -> tf.RaggedTensor:
    """Returns the words of each text: [batch, words]. All letters and marks of Unicode are kept."""
    if feature.strip_html:
        texts = tf.strings.regex_replace(texts, r"<[^>]*>|&#?[A-Za-z0-9]+;", " ")
    if feature.lowercase:
        texts = tf.strings.lower(texts, encoding="utf-8")
    if feature.strip_numbers:
        texts = tf.strings.regex_replace(texts, r"\d+(?:[.,:]\d+)*", f" {_NUMBER_SIGN} ")
    if feature.strip_punctuation:
        texts = tf.strings.regex_replace(texts, rf"[^\pL\pM\pN\s{_NUMBER_SIGN}]+", " ")
    if feature.strip_numbers:
        texts = tf.strings.regex_replace(texts, _NUMBER_SIGN, NUMBER)
    return tf.strings.split(texts)
