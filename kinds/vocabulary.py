"""Vocabularies: one file each, inside the graph as an asset."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf
import tensorflow_transform as tft

from stellwerk.naming import file_name


def lookup(names: tf.Tensor, key: str, words: list[str], oov: int, folder: Path) -> tf.Tensor:
    """Returns int64 ids of `names` (any shape): the word's place, or one of the `oov` ids after the last word, by hash.

    The words are written to `folder`; the saved graph takes the file with it, and
    `TFTransformOutput.vocabulary_by_name(file_name(key))` reads it.
    """
    if not words:
        return tf.strings.to_hash_bucket_fast(names, oov)
    path = folder / file_name(key)
    path.write_text("".join(f"{word}\n" for word in words), encoding="utf-8", newline="\n")

    def table() -> tf.lookup.StaticVocabularyTable:
        lines = tf.lookup.TextFileInitializer(
            str(path), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
        )
        return tf.lookup.StaticVocabularyTable(lines, oov)

    found: tf.Tensor = tft.make_and_track_object(table, name=f"vocabulary_{file_name(key)}").lookup(names)
    return found
