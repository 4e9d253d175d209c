"""The REST API as an OpenAPI document: of every model that is served now, with its own inputs and outputs.

It is at `/openapi.json`, for tools that make clients, forms or tests of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from typing import Any
from urllib.parse import quote

from stellwerk.serving.errors import ServingError
from stellwerk.serving.loading import SIGNATURE, Signature
from stellwerk.serving.models import ModelManager
from stellwerk.serving.rest.openapi_values import columns, nested, rows, scalar
from stellwerk.serving.servable import Servable, State

Json = dict[str, Any]

_REFUSALS = {
    "400": "The request does not fit the model.",
    "401": "There is no token.",
    "403": "The token does not open this model.",
    "404": "There is no such model, version or label.",
    "413": "The request is too large.",
    "429": "Too many requests are under way.",
    "503": "The model is not available now.",
    "504": "The answer took too long.",
}
"""What may be said instead of an answer, in the one form of `Error`."""


def document(models: ModelManager) -> Json:
    """Returns the OpenAPI 3.1 document; a model without a version that answers has its state alone."""
    paths: Json = {"/healthz": {"get": _operation("The server is up.", "text/plain", {"type": "string"}, refusals=())}}
    for name in models.names:
        try:
            with models.servable(name) as servable:
                paths |= dict(_model_paths(models, servable))
        except ServingError:
            paths[_address(name)] = {"get": _status()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "TensorFlow Serving's REST API", "version": metadata.version("stellwerk")},
        "paths": paths,
        "components": {"schemas": _SCHEMAS, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{}, {"token": []}],
    }


def _model_paths(models: ModelManager, servable: Servable) -> Iterator[tuple[str, Json]]:
    methods = {
        "predict": (_predict_request(servable.signatures), _PREDICTED),
        "classify": (_examples_request(servable.signatures), _CLASSIFIED),
        "regress": (_examples_request(servable.signatures), _REGRESSED),
    }
    for which, beside in _ways(models, servable.name):
        path = f"{_address(servable.name)}{which}"
        yield path, {"get": _status(), **beside}
        yield f"{path}/metadata", {"get": _operation("The signatures of the model.", _JSON, _METADATA), **beside}
        for method, (request, answer) in methods.items():
            operation = _operation(f"What the model answers to {method}.", _JSON, answer)
            body = {"required": True, "content": {_JSON: {"schema": request}}}
            yield f"{path}:{method}", {"post": {**operation, "requestBody": body}, **beside}


def _address(name: str) -> str:
    return f"/v1/models/{quote(name, safe='')}"


def _ways(models: ModelManager, name: str) -> Iterator[tuple[str, Json]]:
    """Yields how a version is named, and the parameter of the path: the newest, by its number, by a label."""
    yield "", {}
    versions = [one.version for one in models.status(name) if one.state is State.AVAILABLE]
    yield "/versions/{version}", _parameter("version", {"type": "integer", "enum": versions})
    if labels := sorted(models.configs[name].labels):
        yield "/labels/{label}", _parameter("label", {"type": "string", "enum": labels})


def _parameter(name: str, schema: Json) -> Json:
    return {"parameters": [{"name": name, "in": "path", "required": True, "schema": schema}]}


def _status() -> Json:
    return _operation("The state of the versions.", _JSON, _STATES)


def _operation(summary: str, kind: str, schema: Json, refusals: Iterable[str] = tuple(_REFUSALS)) -> Json:
    answers: Json = {"200": {"description": summary, "content": {kind: {"schema": schema}}}}
    for status in refusals:
        error = {_JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}
        answers[status] = {"description": _REFUSALS[status], "content": error}
    return {"summary": summary, "responses": answers}


def _predict_request(signatures: Mapping[str, Signature]) -> Json:
    """Either form for each signature: `instances` (rows) or `inputs` (columns)."""
    forms = []
    for name, signature in signatures.items():
        told: Json = {"signature_name": {"const": name}}
        required = [] if name == SIGNATURE else ["signature_name"]
        for key, schema in (("instances", rows(signature.inputs)), ("inputs", columns(signature.inputs))):
            if schema is not None:
                forms.append(_object({**told, key: schema}, [*required, key]))
    return {"anyOf": forms}


def _examples_request(signatures: Iterable[str]) -> Json:
    named = {"signature_name": {"enum": list(signatures)}, "context": _EXAMPLE, "examples": nested(_EXAMPLE, 1)}
    return _object(named, ["examples"])


def _object(properties: Json, required: list[str]) -> Json:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


_JSON = "application/json"

_FEATURE = [scalar(kind) for kind in ("f", "i", "O")]
_EXAMPLE = {"type": "object", "additionalProperties": {"anyOf": [*_FEATURE, *(nested(one, 1) for one in _FEATURE)]}}

_PREDICTED = {
    "oneOf": [
        {"type": "object", "properties": {"predictions": {"type": "array"}}, "required": ["predictions"]},
        {"type": "object", "properties": {"outputs": {}}, "required": ["outputs"]},
    ]
}
_PAIR = {"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}], "minItems": 2, "maxItems": 2}
_CLASSIFIED = _object({"results": nested(_PAIR, 2)}, ["results"])
_REGRESSED = _object({"results": nested({"type": "number"}, 1)}, ["results"])
_METADATA = {"type": "object", "required": ["model_spec", "metadata"]}
_STATE = _object(
    {
        "version": {"type": "string", "pattern": "^[0-9]+$"},
        "state": {"enum": [state.name for state in State]},
        "status": _object({"error_code": {"type": "string"}, "error_message": {"type": "string"}}, ["error_code"]),
    },
    ["version", "state", "status"],
)
_STATES = _object({"model_version_status": nested(_STATE, 1)}, ["model_version_status"])

_SCHEMAS: Json = {"Error": _object({"error": {"type": "string"}}, ["error"])}
