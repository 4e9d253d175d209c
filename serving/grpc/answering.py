"""Turns refusals and failures into gRPC statuses, as TensorFlow Serving sends them."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

import grpc

from stellwerk.serving.errors import Code, ServingError

MESSAGE_LIMIT = 1024
"""Longer messages are cut, as TensorFlow Serving cuts them."""

_LOG = logging.getLogger(__name__)
_STATUS = {status.value[0]: status for status in grpc.StatusCode}


def answered(method: Callable[[Any, Any, Any], Any]) -> Callable[[Any, Any, Any], Any]:
    """Makes a method of a service end with the status of its ServingError; anything else it raises is INTERNAL."""

    @functools.wraps(method)
    def answer(service: Any, request: Any, context: Any) -> Any:
        try:
            return method(service, request, context)
        except ServingError as refused:
            status, message = _STATUS[int(refused.code)], refused.message
        except Exception:
            _LOG.exception("%s failed", method.__name__)
            status = _STATUS[int(Code.INTERNAL)]
            message = "the server could not answer this request; its log says why."
        if len(message) > MESSAGE_LIMIT:
            message = f"{message[:MESSAGE_LIMIT]}...TRUNCATED"
        return context.abort(status, message)

    return answer
