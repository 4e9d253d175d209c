"""The rows of a split as a `tf.data.Dataset`: batches of named arrays and their labels, for loops that are written for Keras."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from stellwerk.components.training.packing import Chunk
from stellwerk.components.training.reading import Reader

Heard = Callable[[int], None]
"""Is told how many rows of how many passes have been read."""


def learned_from(reader: Reader, seed: int, heard: Heard) -> tf.data.Dataset:
    """Returns the train split. Each pass over it has every row once, in an order that `seed` and the number of the pass decide."""
    passes = itertools.count(1)
    rows = reader.rows("train")

    def chunks() -> Iterator[Chunk]:
        place = next(passes)
        done = (place - 1) * rows
        for chunk in reader.shuffled("train", (seed, place)):
            yield chunk
            done += len(chunk)
            heard(done)

    return _dataset(reader, chunks, "train")


def judged_by(reader: Reader) -> tf.data.Dataset:
    """Returns the eval split, in order."""
    return _dataset(reader, lambda: reader.in_order("eval"), "eval")


def _dataset(reader: Reader, chunks: Callable[[], Iterator[Chunk]], split: str) -> tf.data.Dataset:
    packing = reader.packing
    labels = packing.signature[2]

    def arrays() -> Iterator[tuple[dict[str, Any], Any]]:
        """Gives copies: tf.data takes an array at an address that suits it as it is, and may write into it, and the reader keeps its rows."""
        for chunk in chunks():
            copy = Chunk.of(map(np.array, chunk.arrays))
            yield packing.named(copy), copy.labels

    made = tf.data.Dataset.from_generator(arrays, output_signature=(packing.specs, labels))
    batches = made.rebatch(reader.batch_size).prefetch(1)
    return batches.apply(tf.data.experimental.assert_cardinality(reader.steps(split)))
