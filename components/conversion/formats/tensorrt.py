"""`tensorrt`: an engine for the kind of NVIDIA GPU that this runs on, built from the ONNX variant.

An engine is machine code: it fits the kind of GPU and the TensorRT that built it. 32-bit floats, for which TensorRT may take the
TF32 kernels of the GPU; how far its answers are from the SavedModel's, `evaluate` measures.
"""

from __future__ import annotations

import importlib
from typing import Any

from stellwerk.components.conversion.formats import ONNX_FILE, TENSORRT_FILE, Converted, onnx
from stellwerk.components.conversion.network import Network
from stellwerk.errors import StepFailed

TYPICAL_ROWS, MOST_ROWS = 64, 4096
"""The number of rows that the engine is tuned for, and the most that it takes at once."""


def convert(network: Network) -> Converted:
    """Returns the engine. Raises StepFailed when ONNX or TensorRT lacks an operation, or TensorRT cannot build it."""
    library: Any = importlib.import_module("tensorrt")
    exported = onnx.convert(network)
    log = library.Logger(library.Logger.ERROR)
    builder = library.Builder(log)
    definition = builder.create_network()
    parser = library.OnnxParser(definition, log)
    if not parser.parse(exported.files[ONNX_FILE]):
        reasons = [parser.get_error(place).desc() for place in range(parser.num_errors)]
        raise _refused(" ".join(reasons) or "it does not read its ONNX")
    settings = builder.create_builder_config()
    settings.add_optimization_profile(_rows(builder, network))
    engine = builder.build_serialized_network(definition, settings)
    if engine is None:
        raise _refused("it builds no engine of it; what it says is above")
    return Converted({TENSORRT_FILE: bytes(engine)}, {**exported.versions, "tensorrt": library.__version__})


def _rows(builder: Any, network: Network) -> Any:
    profile = builder.create_optimization_profile()
    for name, spec in network.specs.items():
        shapes = ((rows, *spec.shape[1:]) for rows in (1, TYPICAL_ROWS, MOST_ROWS))
        profile.set_shape(name, *shapes)
    return profile


def _refused(reason: str) -> StepFailed:
    return StepFailed(
        f"TensorRT cannot convert the model: {reason[:300].rstrip('.')}. Build it of other layers (model.build), "
        "or take this format out of push.formats."
    )
