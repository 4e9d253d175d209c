"""The formats of a pushed model besides the SavedModel, and why some are none of them."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, WithJsonSchema

from stellwerk.errors import did_you_mean

Format = Literal["saved_model", "litert", "litert_float16", "litert_dynamic", "litert_int8", "onnx"]
FORMATS: tuple[str, ...] = get_args(Format)

NOT_PORTABLE = {
    "tensorrt": "an engine fits only the GPU and the TensorRT that built it, and a pipeline builds none. Push onnx, and build "
    "the engine on the machine that serves it: trtexec --onnx=model.onnx",
    "xla": "compiled code fits only the processor and the TensorFlow that compiled it, and there is no file of it to push. The "
    "pushed SavedModel is compiled where it is served: set TF_XLA_FLAGS='--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit' there",
}
"""What is asked for as a format and cannot be pushed as one: why, and what to do."""


def _known(name: str) -> Format:
    for known in get_args(Format):
        if name == known:
            found: Format = known
            return found
    if name in NOT_PORTABLE:
        raise ValueError(f"{name}: {NOT_PORTABLE[name]}")
    raise ValueError(f"unknown format '{name}'.{did_you_mean(name, FORMATS)} Known: {', '.join(FORMATS)}")


FormatName = Annotated[str, AfterValidator(_known), WithJsonSchema({"enum": list(FORMATS)})]
"""One of `FORMATS`, or a sentence on what is known."""
