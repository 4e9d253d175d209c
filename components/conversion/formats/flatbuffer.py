"""What all LiteRT formats share: the converter over the network, and its complaints in one sentence."""

from __future__ import annotations

import re
from typing import Any

import tensorflow as tf

from stellwerk.components.conversion.formats import LITERT_FILE, Converted
from stellwerk.components.conversion.network import SIGNATURE, Network
from stellwerk.errors import StepFailed
from stellwerk.serving.runtimes.litert import without_advice

_UNSUPPORTED = re.compile(r"^(?:TF Select|Custom) ops: (.+)$", re.MULTILINE)

IN_A_LOOP = ("Variable constant folding is failed", "TensorListReserve")
"""What the converters of both stacks say of a loop that reads weights, and gathers what it makes of each step."""


def converter(network: Network) -> Any:
    """Returns a LiteRT converter that allows LiteRT's own operations only: what it makes runs without TensorFlow."""
    return tf.lite.TFLiteConverter.from_saved_model(str(network.model), signature_keys=[SIGNATURE])


def converted(converter: Any, calibration_rows: int | None = None) -> Converted:
    """Runs a converter. Raises StepFailed with the operations that LiteRT does not have."""
    try:
        with without_advice():
            content = converter.convert()
    except Exception as error:
        raise StepFailed(_sentence(error)) from error
    return Converted({LITERT_FILE: content}, {"tensorflow": tf.__version__}, calibration_rows)


def _sentence(error: Exception) -> str:
    lacking = sorted({name for found in _UNSUPPORTED.findall(str(error)) for name in found.split(", ")})
    if any(said in str(error) for said in IN_A_LOOP):
        return (
            "LiteRT has no loops with weights inside, and the model has one: an encoder that goes step by step. "
            "Say unroll: true for it, if its sequences are short, or take this format out of push.formats."
        )
    if lacking:
        what = f"LiteRT has no {', '.join(lacking)}, which the model computes with"
    else:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        what = f"LiteRT cannot convert the model: {lines[0][:300] if lines else type(error).__name__}"
    return f"{what}. Build it of other layers (model.build), or take this format out of push.formats."
