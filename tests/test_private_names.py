"""Names of libraries that are not part of what they promise: all that the product uses, in one list, so that an upgrade fails with it."""

from __future__ import annotations

import ast
import importlib
import importlib.util
from collections.abc import Iterator
from functools import reduce
from pathlib import Path

import grpc
import keras

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("src", "components", "kinds", "pipelines", "report", "serving", "stores", "tasks")

PRIVATE = {
    "apache_beam.portability.api": (
        "beam_job_api_pb2.DescribePipelineOptionsRequest",
        "beam_job_api_pb2_grpc.JobServiceStub",
        "beam_provision_api_pb2.GetProvisionInfoRequest",
        "beam_provision_api_pb2_grpc.ProvisionServiceStub",
    ),
    "apache_beam.runners.portability.fn_api_runner": ("FnApiRunner",),
    "apache_beam.runners.worker.sdk_worker_main": ("main",),
    "grpc._cython.cygrpc": (
        "CompletionQueue",
        "CompletionType",
        "ReceiveCloseOnServerOperation",
        "ReceiveMessageOperation",
        "SendInitialMetadataOperation",
        "SendMessageOperation",
        "SendStatusFromServerOperation",
        "Server.add_http2_port",
        "Server.cancel_all_calls",
        "Server.request_call",
        "Server.shutdown",
        "StatusCode",
    ),
    "keras.optimizers": ("Optimizer._get_variable_index",),
    "kfp.kubernetes": ("mount_pvc",),
    "kfp.local.config": ("LocalExecutionConfig.instance",),
    "kfp.local.docker_task_handler": ("run_docker_container",),
    "tensorflow.compat.v1": ("Session._make_callable_from_options",),
    "tensorflow.core.framework.tensor_pb2": ("TensorProto",),
    "tensorflow.core.framework.tensor_shape_pb2": ("TensorShapeProto",),
    "tensorflow.core.framework.types_pb2": ("DataType",),
    "tensorflow.core.protobuf.config_pb2": ("CallableOptions",),
    "tensorflow.core.protobuf.saved_model_pb2": ("SavedModel",),
    "tensorflow.python.framework.convert_to_constants": ("convert_variables_to_constants_v2",),
    "tensorflow_data_validation.statistics.stats_impl": ("extract_statistics_output", "get_generators"),
    "tensorflow_data_validation.statistics.stats_options": ("StatsOptions",),
    "tensorflow_model_analysis.evaluators.metrics_plots_and_validations_evaluator": (
        "MetricsPlotsAndValidationsEvaluator",
    ),
    "tensorflow_model_analysis.metrics.metric_specs": ("specs_from_metrics",),
    "tensorflow_model_analysis.metrics.metric_types": ("registered_metrics",),
    "tensorflow_model_analysis.slicer.slicer_lib": ("deserialize_slice_key", "slice_keys_to_numpy_array"),
    "tensorflow_model_analysis.writers.metrics_plots_and_validations_writer": (
        "MetricsPlotsAndValidationsWriter",
        "load_and_deserialize_metrics",
    ),
    "tensorflow_transform.impl_helper": ("analyze_in_place",),
    "tfx_bsl.coders.example_coder": ("ExamplesToRecordBatchDecoder",),
    "tfx_bsl.sketches": ("QuantilesSketch",),
    "tfx_bsl.tfxio.tensor_adapter": ("TensorAdapterConfig",),
}
"""What is used of modules that are not public, and what is not public of those that are: names by module."""

OF_INSTANCES = {"_credentials", "_momentums", "_velocities"}
"""Attributes that only an instance has: each is asked of one below."""

NOT_PUBLIC = (
    "apache_beam.portability.",
    "apache_beam.runners.",
    "keras.src.",
    "kfp.local.",
    "tensorflow.core.framework",
    "tensorflow.core.protobuf",
    "tensorflow.python.",
    "tensorflow_data_validation.statistics",
    "tensorflow_model_analysis.evaluators",
    "tensorflow_model_analysis.metrics",
    "tensorflow_model_analysis.slicer",
    "tensorflow_model_analysis.writers",
    "tensorflow_transform.impl_helper",
    "tfx_bsl.",
)
"""Beginnings of modules that the documentation of their library does not name."""

OF_PYTHON = {"__version__", "_current_frames", "_exit", "_fields", "_replace", "_repr_html_"}
"""Documented names of Python and of notebooks that only look private."""


def _trees() -> Iterator[tuple[Path, ast.Module]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))


def _imported(tree: ast.Module) -> Iterator[str]:
    """Gives the modules that a file imports, of `from package import name` both."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module != "__future__":
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _own_names() -> set[str]:
    """Returns what the product's own files define or assign."""
    nodes = [node for _, tree in _trees() for node in ast.walk(tree)]
    names = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    names |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return names | {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)}


def _known(module: str) -> bool:
    """Whether the list has a module, or the module and name that `module` may be."""
    return module in PRIVATE or any(module.startswith(f"{listed}.") for listed in PRIVATE)


def test_every_name_that_is_used_is_still_there() -> None:
    gone = []
    for module, names in PRIVATE.items():
        try:
            found = importlib.import_module(module)
        except ImportError as error:
            gone.append(f"{module}: {error}")
            continue
        for name in names:
            try:
                reduce(getattr, name.split("."), found)
            except AttributeError as error:
                gone.append(f"{module}: {error}")
    assert not gone, "\n".join(["These names of libraries are gone:", *gone])


def test_instances_have_what_only_they_have() -> None:
    optimizer = keras.optimizers.AdamW()
    optimizer.build([keras.Variable([0.0])])
    credentials = grpc.ssl_server_credentials([(b"key", b"certificate")])
    found = {name for one in (optimizer, credentials) for name in OF_INSTANCES if hasattr(one, name)}
    assert found == OF_INSTANCES


def test_the_light_import_of_kfp_has_its_switch() -> None:
    spec = importlib.util.find_spec("kfp")
    assert spec is not None
    assert spec.origin is not None
    assert "_KFP_RUNTIME" in Path(spec.origin).read_text(encoding="utf-8")


def test_no_file_uses_a_module_that_is_not_public_and_not_listed() -> None:
    unlisted = [
        f"{path}: {module}"
        for path, tree in _trees()
        for module in _imported(tree)
        if not module.startswith("stellwerk")
        and (
            module.startswith(NOT_PUBLIC)
            or any(part.startswith("_") and part not in OF_PYTHON for part in module.split("."))
        )
        and not _known(module)
        and not any(listed.startswith(f"{module}.") for listed in PRIVATE)
    ]
    assert not unlisted, "\n".join(unlisted)


def test_no_file_uses_a_private_attribute_that_is_not_listed() -> None:
    own = _own_names() | OF_PYTHON | OF_INSTANCES
    listed = {name.rpartition(".")[2] for names in PRIVATE.values() for name in names}
    unlisted = [
        f"{path}:{node.lineno}: {node.attr}"
        for path, tree in _trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
        and node.attr not in own | listed
    ]
    assert not unlisted, "\n".join(unlisted)
