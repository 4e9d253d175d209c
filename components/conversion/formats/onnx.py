"""`onnx`: for ONNX Runtime, and for what compiles ONNX for its own hardware (TensorRT, OpenVINO, Core ML)."""

from __future__ import annotations

import re
from typing import Any

import onnx
import tensorflow as tf
import tf2onnx

from stellwerk.components.artifacts.naming import original, safe
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
        return network.answer(dict(zip(names, values, strict=True)))

    signature = [tf.TensorSpec(spec.shape, spec.dtype, name=safe(name)) for name, spec in network.specs.items()]
    function = tf.function(answer, autograph=False)
    try:
        proto, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=OPSET)
        _name_inputs(proto.graph)
        onnx.checker.check_model(proto)
    except Exception as error:
        raise StepFailed(
            f"{_told(error)}. Build it of other layers (model.build), or take this format out of push.formats."
        ) from error
    versions = {"tensorflow": tf.__version__, "tf2onnx": tf2onnx.__version__, "onnx": onnx.__version__}
    return Converted({ONNX_FILE: proto.SerializeToString()}, versions)


def _name_inputs(graph: Any) -> None:
    """Calls the inputs by their own names, where the functions that the model was made of could not."""
    named = {value.name: original(value.name) for value in graph.input}
    for value in graph.input:
        value.name = named[value.name]
    for node in graph.node:
        node.input[:] = [named.get(name, name) for name in node.input]


def _told(error: Exception) -> str:
    if lacking := _UNSUPPORTED.search(str(error)):
        return f"ONNX has no {lacking[1]}, which the model computes with"
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return f"tf2onnx cannot convert the model: {lines[-1][:300].rstrip('.')}"
