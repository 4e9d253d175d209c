"""The services of TensorFlow Serving by name, and their descriptions.

The generated `prediction_service_pb2` and `model_service_pb2`, which describe them, do not import since protobuf 4. Reflection
needs the descriptions, so they are made here.
"""

from __future__ import annotations

from types import ModuleType

from google.protobuf import descriptor_pb2, descriptor_pool
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    predict_pb2,
    regression_pb2,
)

PACKAGE = "tensorflow.serving"

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
