"""`type: time`: a moment taken apart into what repeats."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from stellwerk.errors import DataError
from stellwerk.kinds import outputs
from stellwerk.kinds.columns import Columns
from stellwerk.kinds.measures import First, Moments
from stellwerk.kinds.time import moments
from stellwerk.kinds.time.keys import Time
from stellwerk.kinds.transforming import SHARE, Asked, Known, each
from stellwerk.moments import NAMED, likely_format

_ENOUGH = 0.5


def measured(name: str, feature: Time, columns: Columns) -> dict[str, Asked]:
    """Asks what share of the values are moments, and for mean and deviation of parts that become scaled numbers."""
    seconds, valid, present = _moments(name, feature, columns)
    share = tf.where(present, tf.cast(valid, tf.float32), tf.constant(math.nan))
    asked = {SHARE: Asked(Moments(), share)}
    column = feature.columns_of(name)[0]
    if feature.format is None and columns.whole(column).dtype == tf.int64:
        asked["first"] = Asked(First(), column)
    for part in feature.parts:
        if _is_number(feature, part):
            value = tf.cast(moments.PARTS[part][1](seconds), tf.float32)
            asked[part] = Asked(Moments(), tf.where(valid, value, tf.constant(math.nan)))
    return asked


@each
def transform(name: str, feature: Time, columns: Columns, known: Known) -> list[outputs.Output]:
    """Returns each part as sine and cosine, id or scaled number. A missing moment is (0, 0), an id of its own, or 0."""
    share = known.measures[SHARE]
    strange = likely_format(known.measures["first"].found) if "first" in known.measures else None
    if strange is not None:
        raise DataError(
            f"features.{name}.format: column '{feature.columns_of(name)[0]}' holds whole numbers such as {strange[0]}, "
            f"which look like {strange[1]}. Seconds since 1970 need format: epoch_seconds where they look like that."
        )
    if share.count and share.mean < _ENOUGH:
        raise DataError(
            f"features.{name}: only {share.mean:.0%} of the values in column '{feature.columns_of(name)[0]}' are times "
            f"of format {_format(feature, columns.whole(*feature.columns_of(name)))}. Set `format`, or convert in data.query."
        )
    seconds, valid, _ = _moments(name, feature, columns)
    made: list[outputs.Output] = []
    for part in feature.parts:
        size, take = moments.PARTS[part]
        key, value = f"{name}_{part}", take(seconds)
        if _is_number(feature, part):
            scaled = _standardised(tf.cast(value, tf.float32), known.measures[part])
            made.append(outputs.number(key, name, tf.where(valid, scaled, 0.0)))
        elif feature.encoding == "category":
            made.append(outputs.ids(key, name, tf.where(valid, value, size), size + 1))
        else:
            made.extend(_circle(key, name, tf.where(valid, value, size), size))
    return made


def _circle(key: str, name: str, place: tf.Tensor, size: int) -> list[outputs.Output]:
    """Reads sine and cosine from tables: TensorFlow's own differ in the last bit between one row and a batch."""
    angles = 2 * np.pi * np.arange(size) / size
    return [
        outputs.number(f"{key}_{suffix}", name, tf.gather(tf.constant([*table, 0.0], tf.float32), place))
        for suffix, table in (("sin", np.sin(angles)), ("cos", np.cos(angles)))
    ]


def _is_number(feature: Time, part: str) -> bool:
    return part == "year" or feature.encoding == "number"


def _standardised(values: tf.Tensor, moments: Moments) -> tf.Tensor:
    """Returns (x - mean) / deviation; what never varied becomes x - mean."""
    return (values - moments.mean) / (moments.deviation or 1.0)


def _format(feature: Time, raw: tf.Tensor) -> str:
    return feature.format or ("iso" if raw.dtype == tf.string else "epoch_seconds")


def _moments(name: str, feature: Time, columns: Columns) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns seconds, whether each value is a moment, and whether there is a value at all."""
    column = feature.columns_of(name)[0]
    raw = columns.whole(column)
    chosen = _format(feature, raw)
    if chosen == "iso":
        if raw.dtype != tf.string:
            raise DataError(f"features.{name}.format: column '{column}' holds whole numbers and no iso texts.")
        seconds, valid = moments.from_iso(raw)
    elif chosen not in NAMED:
        seconds, valid = moments.from_format(columns.name(column), chosen)
    elif chosen == "hhmm":
        seconds, valid = moments.from_hhmm(moments.whole_numbers(raw))
    else:
        seconds, valid = moments.from_epoch(moments.whole_numbers(raw), 1000 if chosen == "epoch_milliseconds" else 1)
    return seconds, valid, tf.not_equal(columns.name(column), "")
