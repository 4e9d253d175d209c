"""`type: series`: lists of numbers as one tensor [past, channels], scaled."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from stellwerk.errors import DataError
from stellwerk.kinds import outputs
from stellwerk.kinds.columns import Columns
from stellwerk.kinds.measures import Moments
from stellwerk.kinds.series.keys import Series
from stellwerk.kinds.transforming import Asked, Known, each

FLATTEST = 1e-3
"""Of the train split's deviation: a window that varies less is divided by this, so that noise in a flat one stays small."""


def measured(name: str, feature: Series, columns: Columns) -> dict[str, Asked]:
    """Asks for mean and deviation of each channel, unless values stay as they are."""
    if feature.scale == "none":
        return {}
    channels = feature.columns_of(name)
    return {column: Asked(Moments(), tf.reshape(columns.listed(column), [-1])) for column in channels}


@each
def transform(name: str, feature: Series, columns: Columns, known: Known) -> list[outputs.Output]:
    """Returns the tensor and, of values that are scaled by their window, each channel's last value and deviation.

    What is missing in a window counts as its last value, or as the mean of the train split, or as 0 where nothing is scaled.
    """
    channels = feature.columns_of(name)
    values = _channels(name, channels, columns)
    if feature.scale == "none":
        return [outputs.tensor(name, name, tf.where(tf.math.is_nan(values), 0.0, values), "float32")]
    found = [known.measures[column] for column in channels]
    means = tf.constant([one.mean for one in found], tf.float32)
    deviations = tf.constant([one.deviation or 1.0 for one in found], tf.float32)
    if feature.scale == "train":
        scaled = (values - means) / deviations
        return [outputs.tensor(name, name, _without_gaps(scaled), "float32")]
    last, spread = _of_windows(values, means, deviations)
    made = [
        outputs.tensor(name, name, _without_gaps((values - last[:, None]) / spread[:, None]), "float32"),
        outputs.unit(f"{name}_unit", name, tf.stack([last, spread], axis=2), channels),
    ]
    if feature.level:
        level = tf.concat([(last - means) / deviations, tf.math.log(spread / deviations)], axis=1)
        made.append(outputs.vector(f"{name}_level", name, level, 2 * len(channels)))
    return made


def _channels(name: str, channels: tuple[str, ...], columns: Columns) -> tf.Tensor:
    """Returns float32 [batch, length, channels]. Raises DataError for lists of different lengths."""
    lists = [columns.listed(column) for column in channels]
    lengths = {column: one.shape[1] for column, one in zip(channels, lists, strict=True)}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"'{column}' has {length}" for column, length in lengths.items())
        raise DataError(f"features.{name}: channels are lists of one length, and {said}. Make a feature of each.")
    return tf.stack(lists, axis=2)


def _of_windows(values: tf.Tensor, means: tf.Tensor, deviations: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the last value that is known and the deviation of each window, [batch, channels]; of empty ones those of the train split."""
    there = ~tf.math.is_nan(values)
    filled, count = tf.where(there, values, 0.0), tf.reduce_sum(tf.cast(there, tf.float32), axis=1)
    mean = tf.reduce_sum(filled, axis=1) / tf.maximum(count, 1.0)
    squares = tf.where(there, tf.square(values - mean[:, None]), 0.0)
    spread = tf.sqrt(tf.reduce_sum(squares, axis=1) / tf.maximum(count, 1.0))
    places = tf.where(there, tf.range(values.shape[1], dtype=tf.int32)[None, :, None], -1)
    is_last = tf.equal(places, tf.reduce_max(places, axis=1, keepdims=True)) & there
    last = tf.reduce_sum(tf.where(is_last, values, 0.0), axis=1)
    empty = tf.equal(count, 0.0)
    least: Any = np.float32(FLATTEST) * deviations
    return tf.where(empty, means, last), tf.where(empty, deviations, tf.maximum(spread, least))


def _without_gaps(scaled: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.math.is_nan(scaled), 0.0, scaled)
