"""`onnx`: for ONNX Runtime, and for what compiles ONNX for its own hardware (TensorRT, OpenVINO, Core ML)."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import onnx
import tensorflow as tf
import tf2onnx
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from stellwerk.components.conversion.formats import ONNX_FILE, Converted
from stellwerk.components.conversion.network import Network
from stellwerk.errors import StepFailed
from stellwerk.naming import original

OPSET = 17
"""Of 2022: what runs ONNX today knows it, and it has all that Keras layers compute with."""

_UNSUPPORTED = re.compile(r"No Op registered for (\w+)")


def convert(network: Network) -> Converted:
    """Returns the ONNX model. Raises StepFailed when ONNX has no operation for something in the model."""
    try:
        proto = _proto(network.function)
        _name_inputs(proto.graph)
        onnx.checker.check_model(proto)
    except Exception as error:
        raise StepFailed(
            f"{_told(error)}. Build it of other layers (model.build), or take this format out of push.formats."
        ) from error
    versions = {"tensorflow": tf.__version__, "tf2onnx": tf2onnx.__version__, "onnx": onnx.__version__}
    return Converted({ONNX_FILE: proto.SerializeToString()}, versions)


def _proto(function: Any) -> Any:
    """Returns the model of a signature's function, frozen as it is: a function around it that calls it is not always inlined."""
    frozen = convert_variables_to_constants_v2(function, lower_control_flow=False, aggressive_inlining=True)
    named = {value.name: value.name.partition(":")[0] for value in frozen.inputs}
    outputs = dict(zip([value.name for value in frozen.outputs], sorted(function.structured_outputs), strict=True))
    proto, _ = tf2onnx.convert.from_graph_def(
        frozen.graph.as_graph_def(add_shapes=True),
        name=function.name,
        input_names=list(named),
        output_names=list(outputs),
        tensors_to_rename=named | outputs,
        opset=OPSET,
        custom_op_handlers={"Erfc": (_as_erf, [])},
    )
    return proto


def _as_erf(graph: Any, node: Any, name: str, _: Any) -> None:
    """Writes erfc(x), with which newer versions of TensorFlow make GELU, as 1 - erf(x), which ONNX has."""
    dtype, shape = graph.get_dtype(node.output[0]), graph.get_shape(node.output[0])
    graph.remove_node(name)
    erf = graph.make_node("Erf", [node.input[0]], dtypes=[dtype], shapes=[shape])
    one = graph.make_const(f"{name}_one", np.ones((), tf2onnx.utils.map_onnx_to_numpy_type(dtype)))
    inputs = [one.output[0], erf.output[0]]
    graph.make_node("Sub", inputs, outputs=node.output, name=name, dtypes=[dtype], shapes=[shape])


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
