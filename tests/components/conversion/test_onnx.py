"""Operations that ONNX lacks under TensorFlow's name for them, and has under another."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import onnxruntime
import tensorflow as tf

from stellwerk.components.conversion.formats import ONNX_FILE
from stellwerk.components.conversion.formats.onnx import convert


def test_gelu_as_every_version_of_tensorflow_writes_it():
    def gelu(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": 0.5 * x * tf.math.erfc(-x / tf.sqrt(2.0))}

    function = tf.function(gelu).get_concrete_function(x=tf.TensorSpec([None, 3], tf.float32, "x"))
    session = onnxruntime.InferenceSession(convert(SimpleNamespace(function=function)).files[ONNX_FILE])
    x = np.linspace(-4, 4, 12, dtype=np.float32).reshape(4, 3)
    np.testing.assert_allclose(session.run(["y"], {"x": x})[0], tf.nn.gelu(x), atol=1e-6)
