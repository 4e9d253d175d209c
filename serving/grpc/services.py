"""The services of TensorFlow Serving by name: how their calls are answered, and how they are described.

The generated `prediction_service_pb2` and `model_service_pb2`, which describe them, do not import since protobuf 4. Reflection
needs the descriptions, so they are made here.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from types import ModuleType
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    predict_pb2,
    regression_pb2,
)

from stellwerk.serving.errors import Code, ServingError

PACKAGE = "tensorflow.serving"

MESSAGE_LIMIT = 1024
"""Longer texts of errors are cut, as TensorFlow Serving cuts them."""

_LOG = logging.getLogger(__name__)
STATUS = {status.value[0]: status for status in grpc.StatusCode}

_SERVICES: dict[str, tuple[str, dict[str, tuple[str, ModuleType]]]] = {
    "PredictionService": (
        "prediction_service",
        {
            "Classify": ("Classification", classification_pb2),
            "Regress": ("Regression", regression_pb2),
            "Predict": ("Predict", predict_pb2),
            "MultiInference": ("MultiInference", inference_pb2),
            "GetModelMetadata": ("GetModelMetadata", get_model_metadata_pb2),
        },
    ),
    "ModelService": (
        "model_service",
        {
            "GetModelStatus": ("GetModelStatus", get_model_status_pb2),
            "HandleReloadConfigRequest": ("ReloadConfig", model_management_pb2),
        },
    ),
}
"""By service: its file, and by method the message (with `Request` and `Response` behind it) and the module that has it."""

SERVICES = tuple(f"{PACKAGE}.{name}" for name in _SERVICES)


def handlers(name: str, service: Any) -> grpc.GenericRpcHandler:
    """Returns what answers the calls of a service with the methods of an object: a request in, a response out.

    A method's ServingError is sent as its code and text; anything else that it raises is logged and sent as INTERNAL.
    """
    made = {}
    for method, (message, module) in _SERVICES[name][1].items():
        request = getattr(module, f"{message}Request")
        response = getattr(module, f"{message}Response")
        made[method] = grpc.unary_unary_rpc_method_handler(
            functools.partial(_answer, getattr(service, method)),
            request_deserializer=functools.partial(_read, request),
            response_serializer=response.SerializeToString,
        )
    return grpc.method_handlers_generic_handler(f"{PACKAGE}.{name}", made)


class _Malformed:
    """Stands for a request whose bytes are none."""


def _read(kind: Any, data: bytes) -> Any:
    try:
        return kind.FromString(data)
    except DecodeError:
        return _Malformed()


def read_request(kind: Any, data: bytes) -> Any:
    """Reads a message of this class; raises INVALID_ARGUMENT for bytes that are none."""
    return _checked(_read(kind, data))


def _checked(request: Any) -> Any:
    if isinstance(request, _Malformed):
        raise ServingError(Code.INVALID_ARGUMENT, "The bytes of the request are not a message of this method.")
    return request


def _answer(method: Callable[[Any], Any], request: Any, context: Any) -> Any:
    try:
        return method(_checked(request))
    except Exception as error:
        code, message = refusal(error)
    return context.abort(STATUS[int(code)], message)


def refusal(error: Exception) -> tuple[Code, str]:
    """Returns the status that an error is sent as. What is no ServingError is logged, and its text stays here."""
    if isinstance(error, ServingError):
        code, message = error.code, error.message
    else:
        _LOG.error("a request failed", exc_info=error)
        code, message = Code.INTERNAL, "the server could not answer this request; its log says why."
    return code, f"{message[:MESSAGE_LIMIT]}...TRUNCATED" if len(message) > MESSAGE_LIMIT else message


def describe() -> None:
    """Adds the descriptions of the services to protobuf's own pool, where they are not there."""
    pool = descriptor_pool.Default()
    for name, (file, methods) in _SERVICES.items():
        try:
            pool.FindServiceByName(f"{PACKAGE}.{name}")
        except KeyError:
            pool.AddSerializedFile(_description(name, file, methods).SerializeToString())


def _description(
    name: str, file: str, methods: dict[str, tuple[str, ModuleType]]
) -> descriptor_pb2.FileDescriptorProto:
    described = descriptor_pb2.FileDescriptorProto(
        name=f"tensorflow_serving/apis/{file}.proto", package=PACKAGE, syntax="proto3"
    )
    described.options.cc_enable_arenas = True
    described.dependency.extend(module.DESCRIPTOR.name for _, module in methods.values())
    service = described.service.add(name=name)
    for method, (message, _) in methods.items():
        kind = f".{PACKAGE}.{message}"
        service.method.add(name=method, input_type=f"{kind}Request", output_type=f"{kind}Response")
    return described
