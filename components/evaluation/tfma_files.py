"""TFMA's own result files, so that `tfma.load_eval_result` and `tfma.load_validation_result` read an evaluation.

    eval_config.json                      EvalRun: what was asked
    metrics-00000-of-00001.tfrecord       MetricsForSlice, one a slice
    plots-00000-of-00001.tfrecord         PlotsForSlice: confusion matrices and the calibration histogram
    validations.tfrecord                  ValidationResult: which requirements refused

With a last blessed model the two are named `candidate` and `baseline` and their differences are stored too; without, the model
has no name, as TFMA does it.
"""

from __future__ import annotations

import importlib.metadata
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf import json_format

from stellwerk.components.evaluation.requirements import Check
from stellwerk.components.evaluation.slices import SliceKey
from stellwerk.components.evaluation.tfma_protos import config_pb2, metrics_for_slice_pb2, validation_result_pb2
from stellwerk.metrics import direction
from stellwerk.spec.evaluate import Bound, Evaluate
from stellwerk.tasks import about
from stellwerk.tasks.counts import Array
from stellwerk.tasks.measures import measured

CANDIDATE, BASELINE = "candidate", "baseline"


@dataclass(frozen=True)
class Evaluated:
    """Everything TFMA's files are made of; `metrics` and `confusions` are by model name, then by slice number."""

    settings: Evaluate
    kind: str
    data: Path | str
    models: Mapping[str, Path]
    names: Sequence[str]
    keys: Sequence[SliceKey]
    order: Sequence[int]
    examples: Array
    metrics: Mapping[str, Mapping[str, Array]]
    confusions: Mapping[str, Sequence[Array]]
    extra: Mapping[str, Mapping[SliceKey, Any]]
    """MetricsForSlice that TFMA itself computed, by model name and slice."""

    @property
    def candidate(self) -> str:
        """TFMA's name of the model that is evaluated."""
        return CANDIDATE if len(self.models) > 1 else ""


def write_tfma_files(folder: Path, evaluated: Evaluated, checks: Sequence[Check]) -> None:
    """Writes TFMA's four files into `folder`."""
    run = config_pb2.EvalRun(
        eval_config=_config(evaluated),
        version=importlib.metadata.version("tensorflow-model-analysis"),
        data_location=str(evaluated.data),
        file_format="parquet",
        model_locations={name: str(path) for name, path in evaluated.models.items()},
    )
    (folder / "eval_config.json").write_text(json_format.MessageToJson(run), encoding="utf-8")
    _write(folder / "metrics-00000-of-00001.tfrecord", (_metrics(evaluated, number) for number in evaluated.order))
    _write(folder / "plots-00000-of-00001.tfrecord", (_plots(evaluated, number) for number in evaluated.order))
    _write(folder / "validations.tfrecord", [_validation(evaluated, checks)])


def _write(path: Path, messages: Iterable[Any]) -> None:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for message in messages:
            writer.write(message.SerializeToString())


def _slice_key(key: SliceKey) -> Any:
    made = metrics_for_slice_pb2.SliceKey()
    for column, value in key:
        single = made.single_slice_keys.add(column=column)
        if isinstance(value, int):
            single.int64_value = value
        else:
            single.bytes_value = value.encode("utf-8")
    return made


def _metric_key(evaluated: Evaluated, name: str, model: str, is_diff: bool = False) -> Any:
    key = metrics_for_slice_pb2.MetricKey(name=name, model_name=model, is_diff=is_diff)
    key.example_weighted.value = False
    known = measured(name, evaluated.kind)
    if known is not None and known.average:
        setattr(key.aggregation_type, known.average, True)
    return key


def _metrics(evaluated: Evaluated, number: int) -> Any:
    made = metrics_for_slice_pb2.MetricsForSlice(slice_key=_slice_key(evaluated.keys[number]))

    def add(key: Any, value: float) -> None:
        made.metric_keys_and_values.add(key=key).value.double_value.value = value

    add(_metric_key(evaluated, "example_count", ""), float(evaluated.examples[number]))
    for model, metrics in evaluated.metrics.items():
        for name in evaluated.names:
            add(_metric_key(evaluated, name, model), float(metrics[name][number]))
        extra = evaluated.extra.get(model, {}).get(evaluated.keys[number])
        if extra is not None:
            made.metric_keys_and_values.extend(extra.metric_keys_and_values)
    if len(evaluated.models) > 1:
        for name in evaluated.names:
            difference = evaluated.metrics[CANDIDATE][name][number] - evaluated.metrics[BASELINE][name][number]
            add(_metric_key(evaluated, name, CANDIDATE, is_diff=True), float(difference))
    return made


def _plots(evaluated: Evaluated, number: int) -> Any:
    made = metrics_for_slice_pb2.PlotsForSlice(slice_key=_slice_key(evaluated.keys[number]))
    for model, confusions in evaluated.confusions.items():
        cells = confusions[number].tolist()
        if not cells:
            continue
        key = metrics_for_slice_pb2.PlotKey(model_name=model)
        key.example_weighted.value = False
        plot = made.plot_keys_and_values.add(key=key).value
        if about(evaluated.kind).has_positive:
            _add_at_threshold(plot, evaluated.settings.threshold, [count for _, _, count in cells])
        else:
            matrix = plot.multi_class_confusion_matrix_at_thresholds.matrices.add(threshold=0.0)
            for label, prediction, count in cells:
                matrix.entries.add(
                    actual_class_id=label, predicted_class_id=prediction, num_weighted_examples=float(count)
                )
    return made


def _add_at_threshold(plot: Any, threshold: float, cells: Sequence[float]) -> None:
    """Adds one confusion matrix; precision of no predictions is 1 and recall of no positives 0, as TFMA has it."""
    tn, fp, fn, tp = cells
    plot.confusion_matrix_at_thresholds.matrices.add(
        threshold=threshold,
        true_positives=tp,
        false_positives=fp,
        true_negatives=tn,
        false_negatives=fn,
        precision=tp / (tp + fp) if tp + fp else 1.0,
        recall=tp / (tp + fn) if tp + fn else 0.0,
        false_positive_rate=fp / (fp + tn) if fp + tn else math.nan,
        f1=2 * tp / (2 * tp + fp + fn) if tp + fp + fn else math.nan,
        accuracy=(tp + tn) / max(tn + fp + fn + tp, 1),
        false_omission_rate=fn / (fn + tn) if fn + tn else math.nan,
    )


def _config(evaluated: Evaluated) -> Any:
    """Says in TFMA's words what was asked: models, slices, metrics and thresholds."""
    config = config_pb2.EvalConfig()
    for name in evaluated.models:
        config.model_specs.add(name=name, is_baseline=name == BASELINE)
    config.slicing_specs.add()
    for columns in dict.fromkeys(evaluated.settings.slices):
        config.slicing_specs.add(feature_keys=list(columns))
    config.options.min_slice_size.value = 1
    groups: dict[str, Any] = {}
    for name in evaluated.names:
        known = measured(name, evaluated.kind)
        average = known.average if known is not None else ""
        if average not in groups:
            groups[average] = config.metrics_specs.add(model_names=list(evaluated.models))
            if average:
                setattr(groups[average].aggregate, average, True)
        _add_metric(groups[average], name, evaluated)
    return config


def _add_metric(spec: Any, name: str, evaluated: Evaluated) -> None:
    options: dict[str, Any] = {"name": name}
    known = measured(name, evaluated.kind)
    if known is not None and known.threshold:
        options[known.threshold] = evaluated.settings.threshold
    class_name = known.tfma or name if known is not None else name.rpartition(":")[2]
    metric = spec.metrics.add(class_name=class_name, config=json.dumps(options))
    requirement = evaluated.settings.require.get(name)
    if requirement is None:
        return
    overall = metric.per_slice_thresholds.add(slicing_specs=[config_pb2.SlicingSpec()])
    overall.threshold.CopyFrom(_threshold(requirement, name))
    if requirement.per_slice is not None:
        slicing = [config_pb2.SlicingSpec(feature_keys=list(columns)) for columns in evaluated.settings.slices]
        metric.per_slice_thresholds.add(slicing_specs=slicing, threshold=_threshold(requirement.per_slice, name))


def _threshold(bound: Bound, metric: str) -> Any:
    """Translates a bound. Of TFMA's thresholds, none says that calibration should come nearer to 1: that one is left out."""
    threshold = config_pb2.MetricThreshold()
    if bound.min is not None:
        threshold.value_threshold.lower_bound.value = bound.min
    if bound.max is not None:
        threshold.value_threshold.upper_bound.value = bound.max
    better = direction(metric)
    if bound.min_gain is not None and better != "one":
        change = threshold.change_threshold
        lower = better == "lower"
        better_is = config_pb2.MetricDirection
        change.direction = better_is.LOWER_IS_BETTER if lower else better_is.HIGHER_IS_BETTER
        change.absolute.value = -bound.min_gain if lower else bound.min_gain
    return threshold


def _validation(evaluated: Evaluated, checks: Sequence[Check]) -> Any:
    result = validation_result_pb2.ValidationResult(
        validation_ok=all(check.ok for check in checks),
        missing_thresholds=not checks,
        rubber_stamp=len(evaluated.models) == 1 and any(check.bound == "min_gain" for check in checks),
    )
    failures: dict[int, Any] = {}
    details: dict[tuple[str, ...], Any] = {}
    for check in checks:
        number = check.measured.number
        columns = tuple(column for column, _ in evaluated.keys[number])
        if columns not in details:
            details[columns] = result.validation_details.slicing_details.add()
            details[columns].slicing_spec.feature_keys.extend(columns)
        details[columns].num_matching_slices += 1
        if check.ok:
            continue
        if number not in failures:
            failures[number] = result.metric_validations_per_slice.add(slice_key=_slice_key(evaluated.keys[number]))
        _add_failure(failures[number], evaluated, check)
    return result


def _asked(check: Check) -> Bound:
    """Returns what a check asks as TFMA knows it: to be over a baseline is to be over its value, which it has no word for."""
    if check.bound != "over":
        return Bound(**{check.bound: check.required})
    missing = check.required - (check.difference or 0.0)
    return Bound(max=check.value - missing) if direction(check.metric) == "lower" else Bound(min=check.value + missing)


def _add_failure(failures: Any, evaluated: Evaluated, check: Check) -> None:
    compared = check.bound == "min_gain" and len(evaluated.models) > 1
    failure = failures.failures.add(
        metric_key=_metric_key(evaluated, check.metric, evaluated.candidate, is_diff=compared),
        metric_threshold=_threshold(_asked(check), check.metric),
        message=check.sentence,
    )
    baseline = check.measured.baseline
    value = check.value - baseline[check.metric] if compared and baseline is not None else check.value
    failure.metric_value.double_value.value = value
