"""What stands before every gRPC call: tokens, the rate limit and the metrics. A plain interceptor of `grpc`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from stellwerk.serving.errors import Code, ServingError
from stellwerk.serving.metrics import Metrics
from stellwerk.serving.rate import Rate
from stellwerk.serving.security import ALL_MODELS, Tokens, bearer

_OPEN = ("/grpc.health.",)
"""Services that answer everyone: what decides about restarts has no token."""

_ADMINISTRATION = "HandleReloadConfigRequest"

_STATUS = {int(status.value[0]): status for status in grpc.StatusCode}


class Guard(grpc.ServerInterceptor):  # type: ignore[misc]
    """Lets a call through to the models that its token opens, and counts it."""

    def __init__(
        self, metrics: Metrics, known: Callable[[], list[str]], tokens: Tokens | None, rate: Rate | None
    ) -> None:
        """`known` returns the names of the models that are served."""
        self._metrics = metrics
        self._known = known
        self._tokens = tokens
        self._rate = rate

    def intercept_service(self, continuation: Callable[[Any], Any], details: Any) -> Any:
        """Returns the handler of a call, guarded."""
        handler = continuation(details)
        if handler is None or details.method.startswith(_OPEN):
            return handler
        token = bearer(dict(details.invocation_metadata).get("authorization"))
        if self._tokens is not None:
            try:
                self._tokens.known(token)
            except ServingError as refused:
                return _refusing(handler, refused)
        if handler.unary_unary is None:
            return handler
        method = details.method.rpartition("/")[2]

        def answer(request: Any, context: Any) -> Any:
            return self._answer(handler.unary_unary, method, token, request, context)

        return grpc.unary_unary_rpc_method_handler(answer, handler.request_deserializer, handler.response_serializer)

    def check_head(self, method: str, metadata: Any) -> None:
        """Raises ServingError where a call has no token that this server knows; counts it then."""
        if self._tokens is None or method.startswith(_OPEN):
            return
        began = time.perf_counter()
        try:
            self._tokens.known(bearer(dict(metadata or ()).get("authorization")))
        except ServingError as refused:
            self.count(method.rpartition("/")[2], "", None, refused.code, time.perf_counter() - began)
            raise

    def admit(self, metadata: Any, model: str) -> None:
        """Raises ServingError unless a call with this metadata may ask this model now."""
        if self._tokens is not None:
            self._tokens.check(bearer(dict(metadata).get("authorization")), model)
        self._take()

    def count(self, method: str, name: str, version: int | None, code: Code, seconds: float) -> None:
        """Counts a call that is answered."""
        name = name if name in self._known() else ""
        self._metrics.count("gRPC", method, name, version or None, code=code, seconds=seconds)

    def _answer(
        self, inner: Callable[[Any, Any], Any], method: str, token: str | None, request: Any, context: Any
    ) -> Any:
        began, code, response = time.perf_counter(), Code.UNKNOWN, None
        try:
            self._admit(method, token, request)
            response = inner(request, context)
            code = Code.OK
            return response
        except ServingError as refused:
            code = refused.code
            context.abort(_STATUS[int(code)], refused.message)
        except Exception:
            code = _code_of(context)
            raise
        finally:
            name = next(_models(request), "")
            version = _version(response)
            self.count(method, name, version, code, time.perf_counter() - began)

    def _admit(self, method: str, token: str | None, request: Any) -> None:
        if self._tokens is not None:
            names = [ALL_MODELS] if method == _ADMINISTRATION else list(_models(request))
            for name in names or [ALL_MODELS]:
                self._tokens.check(token, name)
        self._take()

    def _take(self) -> None:
        if self._rate is not None and not self._rate.take():
            raise ServingError(Code.RESOURCE_EXHAUSTED, "Too many requests: the rate limit of the server is reached.")


def _models(request: Any) -> Iterator[str]:
    """Yields the names of the models that a request is about."""
    if hasattr(request, "model_spec"):
        yield request.model_spec.name
    for task in getattr(request, "tasks", ()):
        yield task.model_spec.name


def _version(response: Any) -> int | None:
    """Returns the version that answered, or None."""
    return response.model_spec.version.value if hasattr(response, "model_spec") else None


def _code_of(context: Any) -> Code:
    """Returns the code that a call was ended with."""
    code = context.code()
    number = code.value[0] if isinstance(code, grpc.StatusCode) else code
    return Code(number) if number else Code.UNKNOWN


def _refusing(handler: Any, refused: ServingError) -> Any:
    """Returns a handler of the same kind that refuses every call."""

    async def refuse(_: Any, context: Any) -> Any:
        await context.abort(_STATUS[int(refused.code)], refused.message)

    make = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }[handler.request_streaming, handler.response_streaming]
    return make(refuse, handler.request_deserializer, handler.response_serializer)
