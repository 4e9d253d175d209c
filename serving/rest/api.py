"""TensorFlow Serving's REST API over the models of a server: a request in, a response out. No sockets here.

    GET  /v1/models/NAME[/versions/N|/labels/L]                             state of its versions
    GET  /v1/models/NAME[/versions/N|/labels/L]/metadata                    its signatures
    POST /v1/models/NAME[/versions/N|/labels/L]:(predict|classify|regress)  answers

Errors have TensorFlow Serving's form, {"error": "..."}, its texts and its status codes.
"""

from __future__ import annotations

import contextlib
import logging
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from google.protobuf import json_format

from stellwerk.serving.errors import Code, ServingError
from stellwerk.serving.inference import classify, regress
from stellwerk.serving.loading import SIGNATURE, Signature
from stellwerk.serving.metrics import Metrics
from stellwerk.serving.models import ModelManager, Servable
from stellwerk.serving.rate import Rate
from stellwerk.serving.rest.examples import classified_body, examples_of, regressed_body
from stellwerk.serving.rest.messages import Request, Response
from stellwerk.serving.rest.openapi import document
from stellwerk.serving.rest.predict import answer_of, dumped, inputs_of, parsed, signature_name
from stellwerk.serving.security import ALL_MODELS, Tokens, bearer
from stellwerk.serving.values import invalid

HTTP_STATUS = {
    Code.OK: 200,
    Code.CANCELLED: 499,
    Code.UNKNOWN: 500,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.DATA_LOSS: 500,
    Code.UNAUTHENTICATED: 401,
}
"""The HTTP status of each code, as TensorFlow Serving maps them."""

_WHICH = r"(?:(?:/versions/(?P<version>[0-9]+))|(?:/labels/(?P<label>[^/:]+)))?"
_POST = re.compile(rf"(?i:/v1/models/(?P<name>[^/:]+){_WHICH}):(?P<method>classify|regress|predict)")
_GET = re.compile(rf"(?i:/v1/models(?:/(?P<name>[^/:]+))?{_WHICH})(?P<metadata>/metadata)?")

_METRICS_PATHS = ("/metrics", "/monitoring/prometheus/metrics")

_LOG = logging.getLogger(__name__)


@dataclass
class _Asked:
    """Which version of which model a request is for; `answered` is the version that it got."""

    name: str
    version: int | None
    label: str | None
    method: str
    answered: int | None = None


class RestApi:
    """Answers requests about the models of a manager. Safe to call from several threads; never raises."""

    def __init__(
        self,
        models: ModelManager,
        metrics: Metrics | None = None,
        tokens: Tokens | None = None,
        rate: Rate | None = None,
    ) -> None:
        self.models = models
        self.metrics = metrics or Metrics()
        self.tokens = tokens
        self.rate = rate

    def answer(self, request: Request) -> Response:
        """Returns the response for a request."""
        began = time.perf_counter()
        asked: _Asked | None = None
        code, response = Code.OK, None
        try:
            response = self._beside(request)
            if response is None:
                asked = _asked(request)
                response = Response(200, self._answered(request, asked))
        except ServingError as error:
            code, response = error.code, Response.error(HTTP_STATUS[error.code], error.message)
        except Exception:
            _LOG.exception("request failed: %s %s", request.method, request.path)
            message = "The server could not answer this request; its log says why."
            code, response = Code.INTERNAL, Response.error(500, message)
        if asked is not None:
            name = asked.name if asked.name in self.models.names else ""
            self.metrics.count(
                "REST", asked.method, name, asked.answered, code=code, seconds=time.perf_counter() - began
            )
        return response

    def _beside(self, request: Request) -> Response | None:
        """Answers what is not about one model; None for what is."""
        if request.path == "/healthz":
            return Response(200, b"ok\n", "text/plain")
        if request.path in _METRICS_PATHS:
            self._allow(request, ALL_MODELS)
            return Response(200, self.metrics.page(), self.metrics.content_type)
        if request.path == "/openapi.json" and request.method == "GET":
            self._allow(request, ALL_MODELS)
            return Response(200, dumped(document(self.models)))
        if request.path[:4].lower() != "/v1/":
            return Response.error(404, f"Not found: {request.path:.200}. Models are below /v1/models/.")
        if request.method == "OPTIONS":
            if not re.search("https?://", request.headers.get("origin", "")):
                raise ServingError(Code.FAILED_PRECONDITION, "Origin header is missing in CORS preflight")
            return Response(200, b"")
        return None

    def _answered(self, request: Request, asked: _Asked) -> bytes:
        self._allow(request, asked.name)
        if asked.method == "status":
            return self._status(asked)
        if asked.method == "metadata":
            with self._lent(asked) as servable:
                return _metadata(servable)
        if self.rate is not None and not self.rate.take():
            raise ServingError(Code.RESOURCE_EXHAUSTED, "Too many requests: the rate limit of the server is reached.")
        return _METHODS[asked.method](self, asked, request.body)

    def _allow(self, request: Request, name: str) -> None:
        if self.tokens is not None:
            self.tokens.check(bearer(request.headers.get("authorization")), name)

    @contextlib.contextmanager
    def _lent(self, asked: _Asked) -> Iterator[Servable]:
        with self.models.servable(asked.name, asked.version, asked.label) as servable:
            asked.answered = servable.version
            yield servable

    def _status(self, asked: _Asked) -> bytes:
        if not asked.name:
            raise invalid("Missing model name in request.")
        version = asked.version
        if asked.label is not None:
            with self._lent(asked) as servable:
                version = servable.version
        states = [
            {
                "version": str(status.version),
                "state": status.state.name,
                "status": {"error_code": status.code.name, "error_message": status.message},
            }
            for status in self.models.status(asked.name, version)
        ]
        return dumped({"model_version_status": states})

    def _predict(self, asked: _Asked, body: bytes) -> bytes:
        request = parsed(body)
        name = signature_name(request)
        with self._lent(asked) as servable:
            signature = _signature(servable, name)
            outputs = servable.predict(inputs_of(request, signature), signature.name)
        return answer_of(outputs, rows="instances" in request)

    def _classify(self, asked: _Asked, body: bytes) -> bytes:
        request = parsed(body)
        examples = examples_of(request)
        with self._lent(asked) as servable:
            return classified_body(classify(servable, signature_name(request), examples))

    def _regress(self, asked: _Asked, body: bytes) -> bytes:
        request = parsed(body)
        examples = examples_of(request)
        with self._lent(asked) as servable:
            return regressed_body(regress(servable, signature_name(request), examples))


_METHODS: dict[str, Callable[[RestApi, _Asked, bytes], bytes]] = {
    "predict": RestApi._predict,
    "classify": RestApi._classify,
    "regress": RestApi._regress,
}


def _asked(request: Request) -> _Asked:
    form = {"POST": _POST, "GET": _GET}.get(request.method)
    match = form.fullmatch(request.path) if form else None
    if match is None:
        raise invalid(f"Malformed request: {request.method} {request.path:.200}")
    parts = match.groupdict()
    version, label = parts["version"], parts["label"]
    if version is not None and (len(version) > 19 or int(version) >= 2**63):
        raise invalid(f"Failed to convert version: {version:.40} to numeric.")
    method = parts.get("method") or ("metadata" if parts.get("metadata") else "status")
    name = unquote(parts["name"] or "", errors="replace")
    return _Asked(name, None if version is None else int(version), label and unquote(label, errors="replace"), method)


def _signature(servable: Servable, name: str) -> Signature:
    signature = servable.signatures.get(name or SIGNATURE)
    if signature is None:
        raise invalid(f'Serving signature name: "{name or SIGNATURE}" not found in signature def')
    return signature


def _metadata(servable: Servable) -> bytes:
    signatures = {name: _as_json(signature.definition) for name, signature in servable.signatures.items()}
    spec = {"name": servable.name, "signature_name": "", "version": str(servable.version)}
    return dumped({"model_spec": spec, "metadata": {"signature_def": {"signature_def": signatures}}})


def _as_json(message: Any) -> Any:
    """Returns a protobuf message as JSON with the fields that have their default values, which protobuf 5 renamed."""
    try:
        return json_format.MessageToDict(
            message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
    except TypeError:
        return json_format.MessageToDict(message, preserving_proto_field_name=True, including_default_value_fields=True)
