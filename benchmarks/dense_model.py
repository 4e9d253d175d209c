"""Exports a dense network that is larger than most for tables: 256 numbers, three layers of 1,024, one probability; untrained.

python benchmarks/dense_model.py OUT
"""

from __future__ import annotations

import sys

import keras
import tensorflow as tf

INPUTS = 256
HIDDEN = (1024, 1024, 1024)

if __name__ == "__main__":
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Dense(width, "relu") for width in HIDDEN]
    model = keras.Sequential([keras.Input((INPUTS,)), *layers, keras.layers.Dense(1, "sigmoid")])
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serving_default",
        lambda values: {"probabilities": model(values)},
        input_signature=[tf.TensorSpec([None, INPUTS], tf.float32, "values")],
    )
    archive.write_out(sys.argv[1])
