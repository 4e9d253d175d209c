"""`onnx`: for ONNX Runtime, and for what compiles ONNX for its own hardware (TensorRT, OpenVINO, Core ML)."""

from __future__ import annotations

import re
from typing import Any

import onnx
import tensorflow as tf
import tf2onnx

from stellwerk.components.conversion.formats import ONNX_FILE, Converted
from stellwerk.components.conversion.network import Network
from stellwerk.errors import StepFailed

OPSET = 17
"""Of 2022: what runs ONNX today knows it, and it has all that Keras layers compute with."""

_UNSUPPORTED = re.compile(r"No Op registered for (\w+)")


def convert(network: Network) -> Converted:
    """Returns the ONNX model. Raises StepFailed when ONNX has no operation for something in the model."""
    names = list(network.specs)

    def answer(*values: Any) -> Any:
        return network.function(**dict(zip(names, values, strict=True)))

    signature = [tf.TensorSpec(spec.shape, spec.dtype, name=name) for name, spec in network.specs.items()]
    function = tf.function(answer, autograph=False)
    try:
        proto, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=OPSET)
        onnx.checker.check_model(proto)
    except Exception as error:
        raise StepFailed(
            f"{_told(error)}. Build it of other layers (model.build), or take this format out of push.formats."
        ) from error
    versions = {"tensorflow": tf.__version__, "tf2onnx": tf2onnx.__version__, "onnx": onnx.__version__}
    return Converted({ONNX_FILE: proto.SerializeToString()}, versions)


def _told(error: Exception) -> str:
    if lacking := _UNSUPPORTED.search(str(error)):
        return f"ONNX has no {lacking[1]}, which the model computes with"
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return f"tf2onnx cannot convert the model: {lines[-1][:300].rstrip('.')}"
