"""TensorFlow Serving's REST API over one loaded model: a request in, a status and a JSON value out. No sockets here.

    GET  /v1/models/NAME[/versions/N]             state of the model
    GET  /v1/models/NAME[/versions/N]/metadata    its signatures
    POST /v1/models/NAME[/versions/N]:predict     {"instances": [...]} rows, or {"inputs": {...}} columns

Errors have TensorFlow Serving's form, {"error": "..."}, and its status codes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from google.protobuf import json_format

from stellwerk.errors import ModelError
from stellwerk.serving.loading import SIGNATURE, InputError, LoadedModel, Signature
from stellwerk.serving.tensors import Array
from stellwerk.serving.values import is_bytes, to_array, to_json

_PATH = re.compile(r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>\d+))?(?P<verb>/metadata|:predict)?")


class RequestError(Exception):
    """A request that is answered with an HTTP error status and one sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class RestApi:
    """Answers requests about one version of one model. Safe to call from several threads."""

    def __init__(self, model: LoadedModel, name: str, version: int) -> None:
        self.model = model
        self.name = name
        self.version = version

    def answer(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Returns the HTTP status and the JSON body for a request."""
        try:
            status, value = 200, self._route(method, path, body)
        except RequestError as refused:
            status, value = refused.status, {"error": str(refused)}
        except InputError as error:
            status, value = 400, {"error": str(error)}
        except ModelError as error:
            status, value = 500, {"error": str(error)}
        return status, (json.dumps(value, ensure_ascii=False) + "\n").encode("utf-8", "replace")

    def _route(self, method: str, path: str, body: bytes) -> Any:
        match = _PATH.fullmatch(path.partition("?")[0])
        verb = match["verb"] if match else None
        if not match or method != ("POST" if verb == ":predict" else "GET"):
            raise RequestError(400, f"Malformed request: {method} {path:.200}")
        version = match["version"]
        if match["name"] != self.name or (version is not None and int(version) != self.version):
            asked = f"Latest({match['name']})" if version is None else f"Specific({match['name']}, {version})"
            raise RequestError(
                404, f"Servable not found for request: {asked}. Served here: {self.name}, version {self.version}."
            )
        if verb == ":predict":
            return self._predict(_parsed(body))
        return self._metadata() if verb == "/metadata" else self._status()

    def _status(self) -> dict[str, Any]:
        state = {
            "version": str(self.version),
            "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""},
        }
        return {"model_version_status": [state]}

    def _metadata(self) -> dict[str, Any]:
        signatures = {
            name: json_format.MessageToDict(signature.definition, preserving_proto_field_name=True)
            for name, signature in self.model.signatures.items()
        }
        definition = {"@type": "type.googleapis.com/tensorflow.serving.SignatureDefMap", "signature_def": signatures}
        return {
            "model_spec": {"name": self.name, "signature_name": "", "version": str(self.version)},
            "metadata": {"signature_def": definition},
        }

    def _predict(self, request: Mapping[str, Any]) -> dict[str, Any]:
        name = request.get("signature_name", SIGNATURE)
        if not isinstance(name, str):
            raise InputError(f"'signature_name' must be a string, and got {name!r:.80}.")
        signature = self.model.signature(name)
        if ("instances" in request) == ("inputs" in request):
            raise InputError("the request needs exactly one of 'instances' (rows) and 'inputs' (columns).")
        if "inputs" in request:
            outputs = self.model.predict(_from_columns(request["inputs"], signature), name)
            columns = {key: to_json(array, key) for key, array in outputs.items()}
            return {"outputs": next(iter(columns.values())) if len(columns) == 1 else columns}
        instances = request["instances"]
        outputs = self.model.predict(_from_rows(instances, signature), name)
        return {"predictions": _as_rows(outputs, len(instances))}


def _parsed(body: bytes) -> Mapping[str, Any]:
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        place = f" at offset: {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(
            f"JSON Parse error: {getattr(error, 'msg', 'the body is not JSON in UTF-8')}{place}"
        ) from error
    if not isinstance(request, Mapping):
        raise InputError("the request must be a JSON object with 'instances' (rows) or 'inputs' (columns).")
    return request


def _from_columns(inputs: Any, signature: Signature) -> dict[str, Array]:
    if not isinstance(inputs, Mapping) or is_bytes(inputs):
        inputs = {_only_input(signature): inputs}
    return {
        name: to_array(value, signature.inputs[name]) if name in signature.inputs else np.empty(0)
        for name, value in inputs.items()
    }


def _from_rows(instances: Any, signature: Signature) -> dict[str, Array]:
    if not isinstance(instances, list) or not instances:
        raise InputError("'instances' must be a list with at least one row.")
    if not any(isinstance(row, Mapping) and not is_bytes(row) for row in instances):
        return _from_columns({_only_input(signature): instances}, signature)
    columns: dict[str, list[Any]] = {name: [] for name in instances[0]} if isinstance(instances[0], Mapping) else {}
    for number, row in enumerate(instances):
        if not isinstance(row, Mapping) or row.keys() != columns.keys():
            raise InputError(
                f"row {number} of 'instances' has other names than row 0 ({', '.join(columns) or 'none'}). "
                "Give every row the same names."
            )
        for name, values in columns.items():
            values.append(row[name])
    return _from_columns(columns, signature)


def _only_input(signature: Signature) -> str:
    if len(signature.inputs) != 1:
        raise InputError(f"'{signature.name}' takes several inputs ({', '.join(signature.inputs)}): name each of them.")
    return next(iter(signature.inputs))


def _as_rows(outputs: Mapping[str, Array], rows: int) -> list[Any]:
    for name, array in outputs.items():
        if array.ndim == 0 or len(array) != rows:
            raise InputError(f"the output '{name}' has no row for each instance: ask with 'inputs' (columns) instead.")
    columns = {name: to_json(array, name) for name, array in outputs.items()}
    if len(columns) == 1:
        only: list[Any] = next(iter(columns.values()))
        return only
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
