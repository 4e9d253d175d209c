"""Any other metric of TFMA, or a user's own, computed by TFMA on Beam from predictions that are already there.

Predictions are written to an Arrow file while they stream by; Beam reads it in this process. TFMA takes about a millisecond
a row and metric, so this path is taken only for metrics outside `metrics.py`.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow_model_analysis as tfma
import tf_keras
from tensorflow_model_analysis.evaluators import metrics_plots_and_validations_evaluator
from tensorflow_model_analysis.metrics import metric_specs, metric_types
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.slicer import slicer_lib
from tensorflow_model_analysis.writers import metrics_plots_and_validations_writer

from stellwerk.components.artifacts.hooks import load_hook
from stellwerk.components.artifacts.limits import calls_limited, limited
from stellwerk.components.beam.jobs import in_process
from stellwerk.components.evaluation.slices import SliceKey
from stellwerk.errors import DataError, HookError, did_you_mean
from stellwerk.tasks.counts import Array

_ROWS = 1_000


def load_metrics(names: Sequence[str], hooks: Mapping[str, str]) -> dict[str, Any]:
    """Returns a metric object for each TFMA or Keras class name and each hook, by the name in the spec.

    Raises DataError for an unknown class and HookError for a hook that TFMA cannot compute.
    """
    return {name: _made(name, load_hook(hooks, name) if ".py:" in name else _class(name)) for name in names}


def _class(name: str) -> Callable[..., Any]:
    known: dict[str, Any] = metric_types.registered_metrics()
    for other in dir(tf_keras.metrics):
        found = getattr(tf_keras.metrics, other)
        if isinstance(found, type) and issubclass(found, tf_keras.metrics.Metric):
            known.setdefault(other, found)
    if name not in known:
        raise DataError(
            f"evaluate: TFMA has no metric '{name}'.{did_you_mean(name, known)} Name a class of tfma.metrics or a Keras metric, "
            "or write a hook (metrics.py:Class)."
        )
    made: Callable[..., Any] = known[name]
    return made


def _made(name: str, build: Callable[..., Any]) -> Any:
    try:
        with limited(f"evaluate: {name}"):
            try:
                metric = build(name=_plain(name))
            except TypeError:
                metric = build()
    except HookError:
        raise
    except (Exception, SystemExit) as error:
        kind = HookError if ".py:" in name else DataError
        raise kind(
            f"evaluate: the metric '{name}' cannot be made without arguments: {error}. "
            "Write a hook (metrics.py:Class), a subclass that gives them."
        ) from error
    if not isinstance(metric, tfma.metrics.Metric | tf_keras.metrics.Metric | tf_keras.losses.Loss):
        raise HookError(
            f"{name}: this is {type(metric).__module__}.{type(metric).__name__}, which TFMA cannot compute. "
            "Make it a subclass of tfma.metrics.Metric or of tf_keras.metrics.Metric."
        )
    if ".py:" in name and type(metric).__name__ in metric_types.registered_metrics():
        raise HookError(f"{name}: TFMA has a metric of this name, which it would compute instead. Rename the class.")
    return metric


def _plain(name: str) -> str:
    return re.sub(r"\W", "_", name)


@dataclass(frozen=True)
class Computed:
    """What TFMA computed for one model: its MetricsForSlice by slice, and the metrics that are numbers, by name."""

    protos: dict[SliceKey, Any]
    numbers: dict[str, dict[SliceKey, float]]


class OtherMetrics:
    """Metrics that only TFMA computes: first `start`, then `add` for each batch, then `compute` for each model."""

    def __init__(self, names: Sequence[str], hooks: Mapping[str, str]) -> None:
        """Loads the metrics, so that a wrong name or hook is told before any work."""
        self._metrics = load_metrics(names, hooks)
        self._folder = Path()
        self._writer: pa.ipc.RecordBatchFileWriter | None = None

    def start(self, folder: Path) -> None:
        """Takes a folder, which must not exist yet, to write predictions into."""
        folder.mkdir()
        self._folder = folder

    def add(self, labels: Array, predictions: Sequence[Array], groups: Sequence[Array]) -> None:
        """Writes a batch: labels, predictions of each model and slice numbers for each spec."""
        columns = {"label": pa.array(labels)}
        for place, values in enumerate(predictions):
            flat = pa.array(np.ascontiguousarray(values, np.float32).reshape(-1))
            columns[f"prediction_{place}"] = pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
        for place, numbers in enumerate(groups):
            columns[f"group_{place}"] = pa.array(numbers)
        batch = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
        if self._writer is None:
            self._writer = pa.ipc.new_file(str(self._spool), batch.schema)
        for start in range(0, batch.num_rows, _ROWS):
            self._writer.write_batch(batch.slice(start, _ROWS))

    def compute(self, models: Sequence[str], keys: Sequence[SliceKey]) -> dict[str, Computed]:
        """Computes the metrics for each of `models`, in the order of their predictions; `keys` are the slices by number.

        Raises DataError with TFMA's own words when TFMA cannot compute one, HookError for a call of a hook that does not end. The
        folder is removed.
        """
        if self._writer is not None:
            self._writer.close()
        with calls_limited("evaluate"):
            computed = {model: self._computed(model, place, keys) for place, model in enumerate(models)}
        shutil.rmtree(self._folder)
        return computed

    @property
    def _spool(self) -> Path:
        return self._folder / "predictions.arrow"

    def _computed(self, model: str, place: int, keys: Sequence[SliceKey]) -> Computed:
        folder = self._folder / str(place)
        try:
            with pa.OSFile(str(self._spool)) as file:
                batches = pa.ipc.open_file(file).num_record_batches
            with beam.Pipeline(runner=in_process()) as pipeline:
                rows = (
                    pipeline
                    | "Batches" >> beam.Create(range(batches))
                    | "Read" >> beam.FlatMap(_stored, str(self._spool), place, list(keys))
                )
                self.evaluate(rows, str(folder))
        except Exception as error:
            raise self.refused(_reason(error)) from error
        return self.load(folder, model)

    def evaluate(self, rows: beam.PCollection, folder: str, label: str = "") -> None:
        """Adds TFMA's evaluation of `rows` (see `extracts`) to their pipeline; it is written to `folder`."""
        specs = metric_specs.specs_from_metrics(
            list(self._metrics.values()),
            include_example_count=False,
            include_weighted_example_count=False,
        )
        modules = {type(metric).__name__: type(metric).__module__ for metric in self._metrics.values()}
        for metric in (metric for spec in specs for metric in spec.metrics):
            metric.module = modules[metric.class_name]
        config = config_pb2.EvalConfig(model_specs=[config_pb2.ModelSpec()], metrics_specs=specs)
        evaluator = metrics_plots_and_validations_evaluator.MetricsPlotsAndValidationsEvaluator(config)
        writer = metrics_plots_and_validations_writer.MetricsPlotsAndValidationsWriter(
            output_paths={tfma.METRICS_KEY: f"{folder}/{tfma.METRICS_KEY}"}, eval_config=config
        )
        evaluation = rows | f"{label}{evaluator.stage_name}" >> evaluator.ptransform
        _ = evaluation | f"{label}{writer.stage_name}" >> writer.ptransform

    def load(self, folder: Path, model: str) -> Computed:
        """Reads what `evaluate` wrote."""
        loaded = metrics_plots_and_validations_writer.load_and_deserialize_metrics(str(folder))
        protos = {slicer_lib.deserialize_slice_key(proto.slice_key): proto for proto in loaded}
        for proto in protos.values():
            for item in proto.metric_keys_and_values:
                item.key.model_name = model
        return Computed(protos, self._numbers(protos))

    def refused(self, reason: str) -> DataError:
        """Returns the error of metrics that TFMA cannot compute."""
        return DataError(f"evaluate: TFMA could not compute {', '.join(self._metrics)}: {reason}")

    def _numbers(self, protos: Mapping[SliceKey, Any]) -> dict[str, dict[SliceKey, float]]:
        spelled = {_key_name(metric): name for name, metric in self._metrics.items()}
        numbers: dict[str, dict[SliceKey, float]] = {name: {} for name in self._metrics}
        for key, proto in protos.items():
            for item in proto.metric_keys_and_values:
                if item.key.name in spelled and item.value.WhichOneof("type") == "double_value":
                    numbers[spelled[item.key.name]].setdefault(key, item.value.double_value.value)
        return numbers


def _key_name(metric: Any) -> str:
    name: str = metric.name
    return name


def _reason(error: BaseException) -> str:
    """Returns the first line of the innermost cause: Beam and TFMA wrap an error several times."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]


def _stored(number: int, spool: str, place: int, keys: list[SliceKey]) -> Iterator[dict[str, Any]]:
    """Yields each row of a batch of the spool as TFMA's extracts."""
    with pa.OSFile(spool) as file:
        batch = pa.ipc.open_file(file).get_batch(number)
    labels = batch.column("label").to_numpy(zero_copy_only=False)
    stored = batch.column(f"prediction_{place}")
    predictions = stored.flatten().to_numpy(zero_copy_only=False).reshape(batch.num_rows, -1)
    groups = [
        batch.column(name).to_numpy(zero_copy_only=False) for name in batch.schema.names if name.startswith("group_")
    ]
    yield from extracts(labels, predictions, groups, keys)


def extracts(
    labels: Array, predictions: Array, groups: Sequence[Array], keys: Sequence[SliceKey]
) -> Iterator[dict[str, Any]]:
    """Yields each row as TFMA's extracts; `groups` has its slice number for each spec, and `keys` the slices by number."""
    for row, numbers in enumerate(zip(*groups, strict=True)):
        yield {
            tfma.FEATURES_KEY: {},
            tfma.LABELS_KEY: labels[row : row + 1],
            tfma.PREDICTIONS_KEY: predictions[row].copy(),
            tfma.EXAMPLE_WEIGHTS_KEY: np.ones(1),
            tfma.SLICE_KEY_TYPES_KEY: slicer_lib.slice_keys_to_numpy_array([keys[number] for number in numbers]),
        }
