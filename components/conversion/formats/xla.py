"""`xla`: a SavedModel whose network XLA must compile, for whatever processor or GPU it is loaded on, when it is first asked.

`jit_compile` stays with the saved function, in TensorFlow's own loader and in the session loader of TensorFlow Serving: so
the variant travels, and the machine code in no file of it is always that of the machine that answers.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from stellwerk.components.artifacts.signatures import sign
from stellwerk.components.conversion.formats import XLA_FOLDER, Converted
from stellwerk.components.conversion.network import SIGNATURE, Network
from stellwerk.environment import only_errors
from stellwerk.errors import StepFailed
from stellwerk.naming import safe

_UNSUPPORTED = re.compile(r"No registered '(\w+)' OpKernel for XLA")
_REASON = re.compile(r"^(?!Detected at node|Graph execution error|<stack traces)\s*(\S.*)$", re.MULTILINE)


def convert(network: Network) -> Converted:
    """Returns the SavedModel's files. Raises StepFailed when XLA cannot compile something in the model."""

    def answer(values: Mapping[str, Any]) -> Any:
        return network.answer(values)

    specs = {name: tf.TensorSpec(spec.shape, spec.dtype, safe(name)) for name, spec in network.specs.items()}
    compiled = tf.function(answer, input_signature=[specs], autograph=False, jit_compile=True)
    try:
        compiled({name: tf.constant(values) for name, values in network.zeros(2).items()})
    except tf.errors.OpError as error:
        raise StepFailed(
            f"{_told(error)}. Build it of other layers (model.build), or take this format out of push.formats."
        ) from error
    module = tf.Module()
    module.weights = network.variables
    with tempfile.TemporaryDirectory(prefix="stellwerk-") as folder:
        with only_errors():
            tf.saved_model.save(module, folder, signatures={SIGNATURE: compiled})
        sign(Path(folder), {})
        files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        content = {f"{XLA_FOLDER}/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in files}
    return Converted(content, {"tensorflow": tf.__version__})


def _told(error: Exception) -> str:
    if lacking := sorted(set(_UNSUPPORTED.findall(str(error)))):
        return f"XLA has no {', '.join(lacking)}, which the model computes with"
    reason = _REASON.search(str(error))
    return f"XLA cannot compile the model: {(reason[1] if reason else type(error).__name__)[:300].rstrip('.')}"
