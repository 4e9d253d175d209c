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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple
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

_OPENAPI_PATH = "/openapi.json"

_HEALTHY = Response(200, b"ok\n", "text/plain")

_KNOWN_LENGTH = 256

_LOG = logging.getLogger(__name__)


class Route(NamedTuple):
    """Which version of which model a request is for, and what it wants of it."""

    name: str
    version: int | None
    label: str | None
    method: str


@dataclass
class _Answered:
    """The version that a request got."""

    version: int | None = None


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

    def at_head(self, request: Request) -> Response | None:
        """Answers a request of which only the head has come, where that is enough: health, and what its token does not open."""
        if request.path == "/healthz":
            return _HEALTHY
        if self.tokens is None:
            return None
        route: Route | None = None
        try:
            if request.path in (*_METRICS_PATHS, _OPENAPI_PATH):
                self._allow(request, ALL_MODELS)
            else:
                route = route_of(request.method, request.path)
                self._allow(request, route.name)
        except ServingError as refused:
            if route is None and refused.code is Code.INVALID_ARGUMENT:  # no body makes such a path a good one
                return self.answer(request)
            if route is not None:
                self.count(route, None, refused.code, [request])
            return refusal(refused)
        return None

    def answer(self, request: Request, admitted: bool = False) -> Response:
        """Returns the response for a request; one that is `admitted` was asked for its token and counted by the rate."""
        route: Route | None = None
        answered = _Answered()
        code, response = Code.OK, None
        try:
            response = self._beside(request)
            if response is None:
                route = route_of(request.method, request.path)
                if not admitted:
                    self.admit(request, route)
                response = Response(200, self._answered(route, request.body, answered))
        except ServingError as error:
            code, response = error.code, refusal(error)
        except Exception:
            _LOG.exception("request failed: %s %s", request.method, request.path)
            message = "The server could not answer this request; its log says why."
            code, response = Code.INTERNAL, Response.error(500, message)
        if route is not None:
            self.count(route, answered.version, code, [request])
        return response

    def admit(self, request: Request, route: Route) -> None:
        """Raises ServingError unless a request may ask this model now."""
        self._allow(request, route.name)
        if route.method in _METHODS and self.rate is not None and not self.rate.take():
            raise ServingError(Code.RESOURCE_EXHAUSTED, "Too many requests: the rate limit of the server is reached.")

    def count(self, route: Route, version: int | None, code: Code, requests: Sequence[Request]) -> None:
        """Counts requests that are answered."""
        name = route.name if route.name in self.models.names else ""
        now = time.perf_counter()
        for request in requests:
            self.metrics.count("REST", route.method, name, version, code=code, seconds=now - request.began)

    def _beside(self, request: Request) -> Response | None:
        """Answers what is not about one model; None for what is."""
        if request.path == "/healthz":
            return _HEALTHY
        if request.path in _METRICS_PATHS:
            self._allow(request, ALL_MODELS)
            return Response(200, self.metrics.page(), self.metrics.content_type)
        if request.path == _OPENAPI_PATH and request.method == "GET":
            self._allow(request, ALL_MODELS)
            return Response(200, dumped(document(self.models)))
        if request.path[:4].lower() != "/v1/":
            return Response.error(404, f"Not found: {request.path:.200}. Models are below /v1/models/.")
        if request.method == "OPTIONS":
            if not re.search("https?://", request.headers.get("origin", "")):
                raise ServingError(Code.FAILED_PRECONDITION, "Origin header is missing in CORS preflight")
            return Response(200, b"")
        return None

    def _answered(self, route: Route, body: bytes, answered: _Answered) -> bytes:
        if route.method == "status":
            return self._status(route, answered)
        with contextlib.ExitStack() as stack:

            def lend() -> Servable:
                servable = stack.enter_context(self.models.servable(route.name, route.version, route.label))
                answered.version = servable.version
                return servable

            return _metadata(lend()) if route.method == "metadata" else _METHODS[route.method](body, lend)

    def _allow(self, request: Request, name: str) -> None:
        if self.tokens is not None:
            self.tokens.check(bearer(request.headers.get("authorization")), name)

    def _status(self, route: Route, answered: _Answered) -> bytes:
        if not route.name:
            raise invalid("Missing model name in request.")
        version = route.version
        if route.label is not None:
            with self.models.servable(route.name, version, route.label) as servable:
                version = answered.version = servable.version
        states = [
            {
                "version": str(status.version),
                "state": status.state.name,
                "status": {"error_code": status.code.name, "error_message": status.message},
            }
            for status in self.models.status(route.name, version)
        ]
        return dumped({"model_version_status": states})


Lend = Callable[[], Servable]
"""Lends the version that a request is for."""


def _predict(body: bytes, lend: Lend) -> bytes:
    request = parsed(body)
    name = signature_name(request)
    servable = lend()
    signature = signature_of(servable, name)
    outputs = servable.predict(inputs_of(request, signature), signature.name)
    return answer_of(outputs, rows="instances" in request)


def _classify(body: bytes, lend: Lend) -> bytes:
    request = parsed(body)
    examples = examples_of(request)
    return classified_body(classify(lend(), signature_name(request), examples))


def _regress(body: bytes, lend: Lend) -> bytes:
    request = parsed(body)
    examples = examples_of(request)
    return regressed_body(regress(lend(), signature_name(request), examples))


_METHODS: dict[str, Callable[[bytes, Lend], bytes]] = {
    "predict": _predict,
    "classify": _classify,
    "regress": _regress,
}


def refusal(error: ServingError) -> Response:
    """Returns the answer to a request that is refused."""
    return Response.error(HTTP_STATUS[error.code], error.message)


def route_of(method: str, path: str) -> Route:
    """Says what a request wants; raises INVALID_ARGUMENT where TensorFlow Serving does."""
    return (_known_route if len(path) <= _KNOWN_LENGTH else _route)(method, path)


def _route(method: str, path: str) -> Route:
    form = {"POST": _POST, "GET": _GET}.get(method)
    match = form.fullmatch(path) if form else None
    if match is None:
        raise invalid(f"Malformed request: {method} {path:.200}")
    parts = match.groupdict()
    version, label = parts["version"], parts["label"]
    if version is not None and (len(version) > 19 or int(version) >= 2**63):
        raise invalid(f"Failed to convert version: {version:.40} to numeric.")
    wanted = parts.get("method") or ("metadata" if parts.get("metadata") else "status")
    name = unquote(parts["name"] or "", errors="replace")
    return Route(name, None if version is None else int(version), label and unquote(label, errors="replace"), wanted)


_known_route = lru_cache(1024)(_route)


def signature_of(servable: Servable, name: str) -> Signature:
    """Returns a signature, `serving_default` for the empty name; raises INVALID_ARGUMENT where there is none."""
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
