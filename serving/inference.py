"""Classification and regression over serialised tf.Examples, for every way in: gRPC, REST and several tasks at once.

A signature answers them when it has TensorFlow Serving's shape: the input `inputs`; `classes`, `scores` or both, or `outputs`.
A model that Stellwerk exported answers them too, through `serve_examples`: its `probabilities` are scores, its `predictions`
values. Where no signature is named, and the default one cannot answer, `serve_examples` is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stellwerk.serving.errors import Code, ServingError
from stellwerk.serving.loading import SIGNATURE, Signature
from stellwerk.serving.models import Servable
from stellwerk.serving.tensors import Array

CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"
EXAMPLES_SIGNATURE = "serve_examples"


@dataclass(frozen=True)
class Classified:
    """One row an example: `labels` (texts) and `scores` (float32), each [examples, classes]; one of them may be missing."""

    signature: str
    labels: Array | None
    scores: Array | None


@dataclass(frozen=True)
class Regressed:
    """One value an example: `values` is float32 [examples]."""

    signature: str
    values: Array


def classify(servable: Servable, signature: str, examples: Sequence[bytes]) -> Classified:
    """Says which class each example has; raises INVALID_ARGUMENT where the signature cannot."""
    chosen = classifying(servable, signature)
    outputs = _asked(servable, chosen, examples)
    labels, scores = outputs.get("classes"), outputs.get("scores")
    if "probabilities" in outputs:
        scores = outputs["probabilities"]
        if scores.shape[1:] == (1,):
            scores = np.concatenate([1 - scores, scores], axis=1)
        if labels is None and scores.ndim == 2:
            labels = _named(servable, scores)
    for name, array, kind in (("classes", labels, "O"), ("scores", scores, "f")):
        _check_classes(name, array, kind, len(examples))
    if labels is not None and scores is not None and labels.shape != scores.shape:
        raise _refused(
            f"Tensors class and score should match in dim_size(1). Got {labels.shape[1]} vs. {scores.shape[1]}"
        )
    return Classified(chosen.name, labels, scores)


def regress(servable: Servable, signature: str, examples: Sequence[bytes]) -> Regressed:
    """Says which value each example has; raises INVALID_ARGUMENT where the signature cannot."""
    chosen = regressing(servable, signature)
    outputs = _asked(servable, chosen, examples)
    values = outputs["outputs"] if "outputs" in outputs else outputs["predictions"]
    if values.ndim not in (1, 2) or values.shape[1:] not in ((), (1,)):
        raise _refused(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] "
            f"but got {_shape_text(values.shape)}"
        )
    if len(values) != len(examples):
        raise _refused(f"Input batch size did not match output batch size: {len(examples)} vs. {len(values)}")
    if values.dtype != np.float32:
        raise _refused(f"Expected output Tensor of DT_FLOAT.  Got: DT_{values.dtype.name.upper()}")
    return Regressed(chosen.name, values.reshape(-1))


def classifying(servable: Servable, name: str) -> Signature:
    """Returns the signature that classifies when this one is named; raises INVALID_ARGUMENT where it cannot."""
    signature = _signature(servable, name, "probabilities")
    if _is_exported(signature, "probabilities"):
        return signature
    if len(signature.inputs) != 1:
        raise _refused("Expected one input Tensor.")
    if len(signature.outputs) not in (1, 2):
        raise _refused(f"Expected one or two output Tensors, found {len(signature.outputs)}")
    if "inputs" not in signature.inputs:
        raise _refused(f"No classification inputs found in SignatureDef: {signature.definition}")
    if not {"classes", "scores"} & set(signature.outputs):
        raise _refused(
            'Expected classification signature outputs to contain at least one of "classes" or "scores". '
            f"Signature was: {signature.definition}"
        )
    return signature


def regressing(servable: Servable, name: str) -> Signature:
    """Returns the signature that regresses when this one is named; raises INVALID_ARGUMENT where it cannot."""
    signature = _signature(servable, name, "predictions")
    if _is_exported(signature, "predictions"):
        return signature
    if len(signature.inputs) != 1:
        raise _refused("Expected one input Tensor.")
    if len(signature.outputs) != 1:
        raise _refused("Expected one output Tensor.")
    if "inputs" not in signature.inputs:
        raise _refused(f"No regression inputs found in SignatureDef: {signature.definition}")
    if "outputs" not in signature.outputs:
        raise _refused(f"No regression outputs found in SignatureDef: {signature.definition}")
    return signature


def _signature(servable: Servable, name: str, output: str) -> Signature:
    signature = servable.signatures.get(name or SIGNATURE)
    exported = servable.signatures.get(EXAMPLES_SIGNATURE)
    takes_examples = signature is not None and "inputs" in signature.inputs
    if not name and not takes_examples and exported is not None and _is_exported(exported, output):
        return exported
    if signature is None:
        raise _refused(f"No signature was found with the name: {name or SIGNATURE}")
    return signature


def _is_exported(signature: Signature, output: str) -> bool:
    return list(signature.inputs) == ["examples"] and output in signature.outputs


def _asked(servable: Servable, signature: Signature, examples: Sequence[bytes]) -> dict[str, Array]:
    column = np.empty(len(examples), object)
    column[:] = examples
    return servable.predict({next(iter(signature.inputs)): column}, signature.name)


def _named(servable: Servable, scores: Array) -> Array | None:
    """The names of the classes, in each row: those that the model's description gives in the order of its scores."""
    names = servable.classes or (("0", "1") if scores.shape[1] == 2 else ())
    if len(names) != scores.shape[1]:
        return None
    row = np.empty(len(names), object)
    row[:] = [name.encode() for name in names]
    return np.broadcast_to(row, scores.shape)


def _check_classes(name: str, array: Array | None, kind: str, rows: int) -> None:
    if array is None:
        return
    if array.ndim != 2:
        raise _refused(f"Expected Tensor shape: [batch_size num_classes] but got {_shape_text(array.shape)}")
    if array.dtype.kind != kind or (kind == "f" and array.dtype != np.float32):
        wanted = "DT_STRING" if kind == "O" else "DT_FLOAT"
        raise _refused(f"Expected {name} Tensor of {wanted}. Got: DT_{array.dtype.name.upper()}")
    if len(array) != rows:
        raise _refused(f"Expected {name} output batch size of {rows}. Got: {len(array)}")


def _shape_text(shape: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, shape))}]"


def _refused(message: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, message)
