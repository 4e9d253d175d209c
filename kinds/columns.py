"""Raw columns in the forms in which a kind of feature works with them, the same in training and at serving.

A column that some feature needs whole (codes, moments) enters the graph as string or int64, any other number as float32. A missing
value is NaN in floats, an empty string in strings and the smallest int64 in whole numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf

from stellwerk.columns import MISSING_WHOLE


@dataclass(frozen=True)
class Columns:
    """The graph inputs of one batch; gives a column in the form that a feature works with. All tensors are [batch], those of lists [batch, length]."""

    tensors: Mapping[str, tf.Tensor]
    used: set[str] = field(default_factory=set)
    """Columns that were asked for: the others need not be read."""

    def number(self, column: str) -> tf.Tensor:
        """Returns a numeric column as float32; what is missing or infinite is NaN."""
        raw = self._raw(column)
        if raw.dtype == tf.int64:
            missing = tf.constant(np.nan, tf.float32)
            return tf.where(tf.equal(raw, MISSING_WHOLE), missing, tf.cast(raw, tf.float32))
        return tf.where(tf.math.is_finite(raw), raw, tf.constant(np.nan, tf.float32))

    def numbers(self, columns: Sequence[str]) -> tf.Tensor:
        """Returns numeric columns as one float32 [batch, columns]; what is missing or infinite is NaN."""
        raw = [self._raw(column) for column in columns]
        if any(tensor.dtype == tf.int64 for tensor in raw):
            return tf.stack([self.number(column) for column in columns], axis=1)
        stacked = tf.stack(raw, axis=1)
        return tf.where(tf.math.is_finite(stacked), stacked, tf.constant(np.nan, tf.float32))

    def listed(self, column: str) -> tf.Tensor:
        """Returns a column of lists as float32 [batch, length]; what is missing or infinite is NaN."""
        raw = self._raw(column)
        return tf.where(tf.math.is_finite(raw), raw, tf.constant(np.nan, tf.float32))

    def whole(self, column: str) -> tf.Tensor:
        """Returns a string or whole-number column as it is."""
        return self._raw(column)

    def name(self, column: str) -> tf.Tensor:
        """Returns a string column, or a whole-number column as decimal strings; what is missing is empty."""
        raw = self._raw(column)
        if raw.dtype == tf.string:
            return raw
        return tf.where(tf.equal(raw, MISSING_WHOLE), "", tf.strings.as_string(raw))

    def natural(self, column: str) -> tf.Tensor:
        """Returns a column as a hook gets it: strings as they are, all numbers as float32 with NaN for missing."""
        raw = self._raw(column)
        return raw if raw.dtype == tf.string else self.number(column)

    def _raw(self, column: str) -> tf.Tensor:
        self.used.add(column)
        return self.tensors[column]
