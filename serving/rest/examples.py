"""The bodies of TensorFlow Serving's classify and regress API: JSON objects to serialised tf.Examples, results to JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from tensorflow.core.example import example_pb2

from stellwerk.serving.errors import ServingError
from stellwerk.serving.inference import Classified, Regressed
from stellwerk.serving.rest.predict import dumped
from stellwerk.serving.tensors import Array, Tensor
from stellwerk.serving.values import invalid, is_bytes, shown, to_array, type_name

_TEXT = Tensor("", "string", np.dtype(object), None)


def examples_of(request: Mapping[str, Any]) -> list[bytes]:
    """Returns one serialised tf.Example for each object of `examples`, the features of `context` in each of them."""
    context = _example(request["context"]) if "context" in request else b""
    if "examples" not in request:
        raise invalid(
            f"JSON Value: {shown(request)} When method is classify, key 'examples' is expected and was not found"
        )
    examples = request["examples"]
    if not isinstance(examples, list):
        raise invalid(f"JSON Value: {shown(request)} Expecting 'examples' value to be an list/array")
    if not examples:
        raise invalid(f"JSON Value: {shown(request)} 'examples' value is an empty array")
    return [context + _example(example) for example in examples]


def _example(value: Any) -> bytes:
    if not isinstance(value, dict):
        raise invalid(f"Example must be JSON object but got JSON {type_name(value)}")
    example = example_pb2.Example()
    for name, content in value.items():
        _fill(example.features.feature[name], name, content if isinstance(content, list) else [content])
    serialized: bytes = example.SerializeToString()
    return serialized


def _fill(feature: Any, name: str, values: list[Any]) -> None:
    for value in values:
        if value is None or isinstance(value, list) or (isinstance(value, dict) and not is_bytes(value)):
            raise invalid(f"Feature: {name} has element with unexpected JSON type: {type_name(value)}")
    kinds = {type(value) for value in values}
    try:
        if kinds <= {int, bool}:
            if kinds:
                feature.int64_list.value.extend(map(int, values))
        elif kinds == {float}:
            feature.float_list.value.extend(values)
        elif kinds <= {str, dict}:
            feature.bytes_list.value.extend(to_array(values, _TEXT).tolist())
        else:
            expected = {int: "int64", bool: "int64", float: "float"}.get(type(values[0]), "bytes")
            raise invalid(f"Unexpected element type in feature: {name} expecting type: {expected}")
    except ServingError:
        raise
    except (ValueError, OverflowError) as error:
        raise invalid(f"Feature: {name} has uint64_t element. Only int64_t is supported.") from error


def classified_body(result: Classified) -> bytes:
    """Returns the body of a classify answer: for each example its pairs of label and score."""
    labels = None if result.labels is None else [[_text(label) for label in row] for row in result.labels.tolist()]
    shape = (
        result.scores.shape if result.scores is not None else result.labels.shape if result.labels is not None else ()
    )
    scores = np.zeros(shape, np.float32) if result.scores is None else result.scores
    names = labels or [[""] * shape[1]] * shape[0]
    special = not np.isfinite(scores).all()
    rows = [list(map(list, zip(*pair, strict=True))) for pair in zip(names, _scores(scores, special), strict=True)]
    return dumped({"results": rows}, special)


def regressed_body(result: Regressed) -> bytes:
    """Returns the body of a regress answer: one value for each example."""
    special = not np.isfinite(result.values).all()
    return dumped({"results": _scores(result.values, special)}, special)


def _scores(values: Array, special: bool) -> Any:
    if special:
        return values.astype("U32").astype(np.float64).tolist()
    return [list(row) for row in values] if values.ndim == 2 else np.ascontiguousarray(values)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
