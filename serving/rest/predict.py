"""The bodies of TensorFlow Serving's predict API: `instances` (rows) or `inputs` (columns) in, the same form out.

Rows become columns by C loops alone; only a request that is refused is walked row by row, to say which row it was.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from itertools import repeat
from operator import itemgetter
from typing import Any

import numpy as np
import orjson

from stellwerk.serving.errors import ServingError
from stellwerk.serving.loading import Signature
from stellwerk.serving.tensors import Array
from stellwerk.serving.values import invalid, is_bytes, shape_of, shown, to_array

_PARSE_ERRORS = {
    "Expecting value": "Invalid value.",
    "Expecting property name": "Missing a name for object member.",
    "Expecting ':'": "Missing a colon after a name of object member.",
    "Unterminated string": "Missing a closing quotation mark in string.",
    "Invalid \\escape": "Invalid escape character in string.",
    "Invalid control character": "Invalid encoding in string.",
}
"""What RapidJSON, and so TensorFlow Serving, says where Python's parser says this."""


def parsed(body: bytes) -> dict[str, Any]:
    """Reads the JSON object of a request. NaN, Infinity and -Infinity are numbers, as TensorFlow Serving reads them."""
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError:
        request = _leniently(body)
    if not isinstance(request, dict):
        raise invalid(f"JSON Value: {shown(request)} Is not object")
    return request


def _leniently(body: bytes) -> Any:
    """Reads what only TensorFlow Serving takes: numbers that are none, and anything behind the object."""
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    try:
        text = body.decode("utf-8")
        return json.JSONDecoder().raw_decode(text, len(text) - len(text.lstrip(" \t\r\n")))[0]
    except json.JSONDecodeError as error:
        message = next((said for begin, said in _PARSE_ERRORS.items() if error.msg.startswith(begin)), error.msg)
        raise invalid(f"JSON Parse error: {message} at offset: {error.pos}") from error
    except UnicodeDecodeError as error:
        raise invalid(f"JSON Parse error: Invalid encoding in string. at offset: {error.start}") from error
    except (ValueError, RecursionError) as error:
        raise invalid("JSON Parse error: the body is nested too deeply, or a number is too long") from error


def signature_name(request: Mapping[str, Any]) -> str:
    """Returns the signature that a request names, or an empty string."""
    name = request.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid(
            f"JSON Value: {shown(request)} not formatted correctly. 'signature_name' key must be a string value."
        )
    return name


def inputs_of(request: Mapping[str, Any], signature: Signature) -> dict[str, Array]:
    """Returns the arrays of a predict request by input name; raises INVALID_ARGUMENT where it does not fit."""
    if "instances" in request and "inputs" in request:
        what = "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist "
        raise invalid(f"JSON Value: {shown(request)} {what}")
    if "instances" in request:
        instances = request["instances"]
        if not isinstance(instances, list):
            raise invalid(f"JSON Value: {shown(request)} Expecting 'instances' to be an list/array")
        if not instances:
            raise invalid(f"JSON Value: {shown(request)} No values in 'instances' array")
        return _from_rows(instances, signature)
    if "inputs" in request:
        return _from_columns(request["inputs"], signature)
    raise invalid("Missing 'inputs' or 'instances' key")


def _from_columns(inputs: Any, signature: Signature) -> dict[str, Array]:
    if not isinstance(inputs, dict) or is_bytes(inputs):
        if len(signature.inputs) > 1:
            what = "inputs is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map"
            raise invalid(what)
        name, tensor = next(iter(signature.inputs.items()))
        return {name: to_array(inputs, tensor)}
    for name in signature.inputs:
        if name not in inputs:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    return {name: to_array(inputs[name], tensor) for name, tensor in signature.inputs.items()}


def _from_rows(instances: list[Any], signature: Signature) -> dict[str, Array]:
    first = instances[0]
    named = isinstance(first, dict) and not is_bytes(first)
    if not isinstance(first, dict) and len(signature.inputs) > 1:
        what = "instances is a plain list, but expecting list of objects as multiple input tensors required as per tensorinfo_map"
        raise invalid(what)
    if not named and any(isinstance(row, dict) and not is_bytes(row) for row in instances):
        number = next(n for n, row in enumerate(instances) if isinstance(row, dict) and not is_bytes(row))
        raise invalid(f"Expecting value/list but got object at item {number} of input list")
    try:
        return arrays_of(instances, signature)
    except ServingError as error:
        raise _blamed(instances, signature, named) or error from None


def arrays_of(instances: list[Any], signature: Signature) -> dict[str, Array]:
    """Returns the arrays of rows; raises INVALID_ARGUMENT, without saying which row it is about."""
    names = list(signature.inputs)
    named = isinstance(instances[0], dict) and not is_bytes(instances[0])
    columns = _columns(instances, names) if named else [instances]
    return {name: to_array(column, signature.inputs[name]) for name, column in zip(names, columns, strict=True)}


def _columns(instances: list[Any], names: list[str]) -> list[Any]:
    try:
        if set(map(type, instances)) == {dict} and set(map(len, instances)) == {len(names)}:
            rows = map(itemgetter(*names), instances)
            return [list(column) for column in zip(*rows, strict=True)] if len(names) > 1 else [list(rows)]
    except KeyError:
        pass
    raise invalid("The rows of 'instances' have different names.")


def _blamed(instances: list[Any], signature: Signature, named: bool) -> ServingError | None:
    """Finds the first row that does not fit and says so in TensorFlow Serving's words."""
    shapes: dict[str, tuple[int, ...]] = {}
    only = next(iter(signature.inputs))
    for number, row in enumerate(instances):
        if named and (not isinstance(row, dict) or is_bytes(row)):
            return invalid(f"Expecting object but got list at item {number} of input list")
        for name, item in row.items() if named else [(only, row)]:
            where = f"Failed to process element: {number}" + (f" key: {name}" if named else "")
            message = _misfit(name, item, signature, shapes)
            if message:
                return invalid(f"{where} of 'instances' list. Error: INVALID_ARGUMENT: {message}")
        if named and row.keys() != signature.inputs.keys():
            return invalid(
                f"Failed to process element: {number} of 'instances' list. JSON object: {shown(row)} "
                f"keys must be equal to: {','.join(sorted(signature.inputs))}"
            )
    return None


def _misfit(name: str, item: Any, signature: Signature, shapes: dict[str, tuple[int, ...]]) -> str | None:
    if name not in signature.inputs:
        return f"JSON object: does not have named input: {name}"
    try:
        to_array(item, signature.inputs[name])
    except ServingError as error:
        return error.message
    shape = shape_of(item)
    expected = shapes.setdefault(name, shape)
    if int(np.prod(shape)) != int(np.prod(expected)):
        return f"Expecting tensor size: {int(np.prod(expected))} but got: {int(np.prod(shape))}"
    if shape != expected:
        return f"Expecting shape [{','.join(map(str, expected))}] but got: [{','.join(map(str, shape))}]"
    return None


def answer_of(outputs: Mapping[str, Array], rows: bool) -> bytes:
    """Returns the body of an answer, as rows (`predictions`) or columns (`outputs`); one output alone has no name."""
    special = any(array.dtype.kind == "f" and not np.isfinite(array).all() for array in outputs.values())
    columns = {name: _plain(array, name, special) for name, array in outputs.items()}
    if not rows:
        return dumped({"outputs": next(iter(columns.values())) if len(columns) == 1 else columns}, special)
    _same_batch(outputs)
    if len(columns) == 1:
        return dumped({"predictions": next(iter(columns.values()))}, special)
    listed = zip(*map(list, columns.values()), strict=True)
    return dumped({"predictions": list(map(dict, map(zip, repeat(tuple(columns)), listed)))}, special)


def _same_batch(outputs: Mapping[str, Array]) -> None:
    expected = -1
    for name, array in outputs.items():
        if array.ndim == 0:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if expected >= 0 and len(array) != expected:
            raise invalid(f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {expected}")
        expected = len(array)


def _plain(array: Array, name: str, special: bool) -> Any:
    """Returns what is written: strings become text, or base64 where the name ends with `_bytes`; orjson writes arrays."""
    if array.dtype.kind in "OS":
        encode = _base64 if name.endswith("_bytes") else _text
        texts = np.empty(array.size, dtype=object)
        texts[:] = [encode(item) for item in array.reshape(-1).tolist()]
        return texts.reshape(array.shape).tolist()
    if array.dtype.kind not in "fiub":
        raise invalid(f"Failed to write JSON value for tensor type: {array.dtype.name}")
    if special and array.dtype.kind == "f":
        return array.astype("U32").astype(np.float64).tolist()  # the shortest digits that read back the same
    if special:
        return array.tolist()
    return np.ascontiguousarray(array) if array.ndim else array[()]


def dumped(value: Any, special: bool = False) -> bytes:
    """Writes an answer; with `special`, NaN and infinities are the bare words that TensorFlow Serving writes."""
    if special:
        return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE)


def _base64(value: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(value).decode("ascii")}


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
