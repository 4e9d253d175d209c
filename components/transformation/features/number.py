"""`type: number`: missing values filled in, then scaled."""

from __future__ import annotations

import tensorflow as tf

from stellwerk.components.transformation import outputs
from stellwerk.components.transformation.columns import Columns
from stellwerk.components.transformation.features.base import AS_NUMBER, Asked, Known
from stellwerk.components.transformation.measures import Moments, Quantiles, Range
from stellwerk.spec.features.number import Number

FORMS = AS_NUMBER

MIDDLE = 2
"""Shares that a median cuts data into."""


def measured(name: str, feature: Number, columns: Columns) -> dict[str, Asked]:
    """Asks for what the scale and the filling of gaps need, over the values that are there."""
    values = columns.number(*feature.columns_of(name))
    asked = {}
    if feature.missing == "mean":
        asked["mean"] = Asked(Moments(), values)
    if feature.missing == "median" or feature.scale == "buckets":
        asked["quantiles"] = Asked(Quantiles(MIDDLE, feature.buckets), values)
    if feature.scale in ("standard", "log"):
        asked["scale"] = Asked(Moments(), _logarithm(values) if feature.scale == "log" else values)
    if feature.scale == "minmax":
        asked["scale"] = Asked(Range(), values)
    return asked


def transform(name: str, feature: Number, columns: Columns, known: Known) -> list[outputs.Output]:
    """Returns the scaled number (a bucket id with `buckets`) and, where wanted, whether it was missing."""
    raw = columns.number(*feature.columns_of(name))
    missing = tf.math.is_nan(raw)
    values = tf.where(missing, tf.constant(_filling(feature, known), tf.float32), raw)
    if feature.scale == "buckets":
        edges = known.measures["quantiles"].inner(feature.buckets)
        bucket = tf.searchsorted(tf.constant(edges, tf.float32), values, side="right", out_type=tf.int64)
        made = [outputs.ids(name, name, bucket, len(edges) + 1)]
    else:
        made = [outputs.number(name, name, _scaled(values, feature, known))]
    if feature.missing_indicator:
        made.append(outputs.number(f"{name}_missing", name, missing))
    return made


def _filling(feature: Number, known: Known) -> float:
    if feature.missing == "mean":
        return float(known.measures["mean"].mean)
    if feature.missing == "median":
        middle = known.measures["quantiles"].inner(MIDDLE)
        return middle[0] if middle else 0.0
    return feature.missing


def _scaled(values: tf.Tensor, feature: Number, known: Known) -> tf.Tensor:
    if feature.scale == "none":
        return values
    scale = known.measures["scale"]
    if feature.scale == "minmax":
        return (values - scale.low) / ((scale.high - scale.low) or 1.0)
    values = _logarithm(values) if feature.scale == "log" else values
    return standardised(values, scale)


def standardised(values: tf.Tensor, moments: Moments) -> tf.Tensor:
    """Returns (x - mean) / deviation; what never varied becomes x - mean."""
    return (values - moments.mean) / (moments.deviation or 1.0)


def _logarithm(values: tf.Tensor) -> tf.Tensor:
    """Returns sign(x) * ln(1 + |x|), in 64 bits: in 32 the last bit differs between one row and a batch."""
    logarithm = tf.math.log1p(tf.cast(tf.abs(values), tf.float64))
    return tf.sign(values) * tf.cast(logarithm, tf.float32)
