"""`litert_float16`: LiteRT with 16-bit weights: half the size, and GPUs of phones compute with them as they are."""

from __future__ import annotations

import tensorflow as tf

from stellwerk.components.conversion.formats import Converted
from stellwerk.components.conversion.formats.flatbuffer import converted, converter
from stellwerk.components.conversion.network import Network


def convert(network: Network) -> Converted:
    """Returns the flatbuffer. Raises StepFailed when LiteRT lacks an operation."""
    made = converter(network)
    made.optimizations = [tf.lite.Optimize.DEFAULT]
    made.target_spec.supported_types = [tf.float16]
    return converted(made)
