"""`litert_int8`: LiteRT with weights and values of 8 bits; inputs and outputs stay floats, so it is asked like the others.

The ranges of the values are taken from real rows: Jacob et al., 2018, arXiv:1712.05877.
"""

from __future__ import annotations

import tensorflow as tf

from stellwerk.components.conversion.formats import Converted
from stellwerk.components.conversion.formats.flatbuffer import converted, converter
from stellwerk.components.conversion.network import SIGNATURE, Network


def convert(network: Network) -> Converted:
    """Returns the flatbuffer. Raises DataError without rows to calibrate with, StepFailed when LiteRT lacks an operation."""
    rows = list(network.rows())
    made = converter(network)
    made.optimizations = [tf.lite.Optimize.DEFAULT]
    made.representative_dataset = lambda: ((SIGNATURE, row) for row in rows)
    made.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    return converted(made, len(rows))
