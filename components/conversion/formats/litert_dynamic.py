"""`litert_dynamic`: LiteRT with 8-bit weights; values are quantised row by row as they are computed, without calibration."""

from __future__ import annotations

import tensorflow as tf

from stellwerk.components.conversion.formats import Converted
from stellwerk.components.conversion.formats.flatbuffer import converted, converter
from stellwerk.components.conversion.network import Network


def convert(network: Network) -> Converted:
    """Returns the flatbuffer. Raises StepFailed when LiteRT lacks an operation."""
    made = converter(network)
    made.optimizations = [tf.lite.Optimize.DEFAULT]
    return converted(made)
