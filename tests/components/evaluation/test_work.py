"""The evaluate step: what it measures, what it writes, and what it refuses."""

from __future__ import annotations

import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import tensorflow_model_analysis as tfma

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.artifacts.folders import folder_digest
from stellwerk.components.evaluation import models as opening
from stellwerk.errors import DataError, HookError, ModelError
from stellwerk.spec.target import Target

KINDS = ["binary", "multiclass", "regression"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_first_model_is_measured_and_blessed_by_its_digest(run, models, kind):
    done = run(kind, {"slices": [["carrier"], ["hour", "carrier"]]})
    assert done.blessing == {"blessed": True, "requirements": [], "model_digest": folder_digest(models[kind])}
    first = done.evaluation["slices"][0]
    assert (first["slice"], first["examples"]) == ({}, 600)
    assert all(value is not None for value in first["metrics"].values())
    assert "baseline" not in first


@pytest.mark.parametrize("kind", KINDS)
def test_slices_of_one_spec_hold_every_row_once(run, kind):
    done = run(kind, {"slices": [["carrier"], ["hour", "carrier"]]})
    for columns in ({"carrier"}, {"hour", "carrier"}):
        assert sum(row["examples"] for row in done.evaluation["slices"] if set(row["slice"]) == columns) == 600


def test_missing_values_and_empty_texts_are_one_slice(run, rows):
    done = run("binary", {"slices": [["carrier"], ["hour"]]})
    missing = sum(not value for value in rows["carrier"].to_pylist())
    assert done.slice(carrier="(missing)")["examples"] == missing
    assert done.slice(hour="(missing)")["examples"] == rows["hour"].null_count
    assert done.slice(hour=2)["examples"] == rows["hour"].to_pylist().count(2)


@pytest.mark.parametrize("kind", KINDS)
def test_tfma_reads_the_results_of_both_models(run, models, kind):
    metric = {"binary": "auc", "multiclass": "log_loss", "regression": "mae"}[kind]
    settings = {"slices": [["carrier"]], "metrics": [metric]}
    done = run(kind, settings, baseline=str(models[f"{kind} before"]))
    for name, column in (("candidate", "metrics"), ("baseline", "baseline")):
        result = tfma.load_eval_result(str(done.path), model_name=name)
        assert result.config.model_specs[1].is_baseline
        by_slice = {tuple(key): metrics[""][""] for key, metrics in result.slicing_metrics}
        assert len(by_slice) == len(done.evaluation["slices"]) == 5
        for row in done.evaluation["slices"]:
            read = by_slice[tuple(row["slice"].items())]
            spelled = next(value for key, value in read.items() if key.endswith(metric))
            assert spelled["doubleValue"] == pytest.approx(row[column][metric])
            assert read["example_count"]["doubleValue"] == row["examples"]
    result = tfma.load_eval_result(str(done.path))
    read = result.slicing_metrics[0][1][""][""]
    first = done.evaluation["slices"][0]
    difference = first["metrics"][metric] - first["baseline"][metric]
    assert read[f"{metric}_diff"]["doubleValue"] == pytest.approx(difference)
    assert tfma.load_validation_result(str(done.path)).validation_ok


def test_tfma_reads_confusion_matrices_of_every_slice(run):
    done = run("multiclass", {"slices": [["carrier"]]})
    plots = dict(tfma.load_eval_result(str(done.path)).plots)
    assert len(plots) == 5
    entries = plots[()][""][""]["multiClassConfusionMatrixAtThresholds"]["matrices"][0]["entries"]
    counts = np.zeros((3, 3), int)
    for entry in entries:
        counts[entry.get("actualClassId", 0), entry.get("predictedClassId", 0)] = entry["numWeightedExamples"]
    assert counts.tolist() == done.evaluation["confusion"]["counts"]
    assert counts.sum() == 600


def test_curves_and_calibration_describe_the_whole_split(run):
    done = run("binary")
    curves = done.evaluation["curves"]
    roc = np.array(curves["roc"])
    assert len(roc) <= 200
    assert roc[0].tolist() == [0, 0]
    assert roc[-1].tolist() == [1, 1]
    assert (np.diff(roc, axis=0) >= 0).all()
    assert len(curves["thresholds"]) == len(roc)
    assert curves["thresholds"][0] == 1.0
    assert (np.diff(curves["thresholds"]) < 0).all()
    auc = done.evaluation["slices"][0]["metrics"]["auc"]
    assert np.sum(np.diff(roc[:, 0]) * (roc[1:, 1] + roc[:-1, 1]) / 2) == pytest.approx(auc, abs=0.005)
    assert len(curves["pr"]) <= 200
    assert 10 <= len(curves["calibration"]) <= 20
    assert sum(bucket["examples"] for bucket in curves["calibration"]) == 600
    confusion = done.evaluation["confusion"]
    assert confusion["classes"] == ["no", "yes"]
    assert np.sum(confusion["counts"]) == 600


def test_residuals_describe_a_regression(run, rows):
    done = run("regression")
    regression = done.evaluation["regression"]
    assert np.sum(regression["histogram"]["counts"]) == regression["sampled"] == 600
    metrics = done.evaluation["slices"][0]["metrics"]
    residuals = regression["residuals"]
    assert math.hypot(residuals["mean"], residuals["deviation"]) == pytest.approx(metrics["rmse"])
    assert residuals["p05"] < residuals["p50"] < residuals["p95"] <= residuals["largest"]
    assert len(done.evaluation["curves"]["calibration"]) == 20


def test_a_model_below_its_floor_is_not_blessed_and_the_sentence_says_by_how_much(run):
    done = run("binary", {"require": {"auc": {"min": 0.95}, "accuracy": {"max": 0.99}}})
    assert not done.blessing["blessed"]
    refused, held = done.blessing["requirements"]
    auc = done.evaluation["slices"][0]["metrics"]["auc"]
    assert (refused["metric"], refused["bound"], refused["required"], refused["ok"]) == ("auc", "min", 0.95, False)
    assert refused["value"] == auc
    assert refused["difference"] == pytest.approx(auc - 0.95)
    assert refused["sentence"] == (
        f"auc is {auc:.4f} on the whole test split, {0.95 - auc:.4g} below the required minimum of 0.95."
    )
    assert held["ok"]
    result = tfma.load_validation_result(str(done.path))
    assert not result.validation_ok
    (failure,) = result.metric_validations_per_slice[0].failures
    assert failure.metric_key.name == "auc"
    assert failure.metric_threshold.value_threshold.lower_bound.value == 0.95
    assert failure.message == refused["sentence"]


def test_every_large_enough_slice_must_hold_its_own_bound(run):
    require = {"accuracy": {"min": 0.1, "per_slice": {"min": 0.72}}}
    settings = {"slices": [["carrier"], ["carrier", "hour"]], "require": require, "min_slice_size": 60}
    done = run("binary", settings)
    asked = [row for row in done.blessing["requirements"] if row["slice"]]
    large = [row for row in done.evaluation["slices"] if row["slice"] and row["examples"] >= 60]
    assert [row["slice"] for row in asked] == [row["slice"] for row in large]
    assert [row["ok"] for row in asked] == [row["metrics"]["accuracy"] >= 0.72 for row in large]
    refused = [row for row in asked if not row["ok"]]
    assert refused
    assert "on carrier=" in refused[0]["sentence"]
    validation = tfma.load_validation_result(str(done.path))
    assert len(validation.metric_validations_per_slice) == len(refused)


@pytest.mark.parametrize(("kind", "metric"), [("binary", "auc"), ("binary", "log_loss"), ("regression", "rmse")])
def test_min_gain_is_positive_for_the_better_model_whichever_way_the_metric_points(run, models, kind, metric):
    settings = {"require": {metric: {"min_gain": 0.0}}}
    better, worse = str(models[kind]), str(models[f"{kind} before"])
    done = run(kind, settings, model=better, baseline=worse)
    (row,) = done.blessing["requirements"]
    assert row["ok"]
    assert row["difference"] > 0
    assert "better than the last blessed model's" in row["sentence"]
    done = run(kind, settings, model=worse, baseline=better)
    (back,) = done.blessing["requirements"]
    assert not back["ok"]
    assert back["difference"] == pytest.approx(-row["difference"])
    assert "worse than" in back["sentence"]
    (failure,) = tfma.load_validation_result(str(done.path)).metric_validations_per_slice[0].failures
    assert failure.metric_key.is_diff
    assert failure.metric_threshold.HasField("change_threshold")


def test_calibration_gains_by_coming_nearer_to_one(run, models):
    done = run("binary", {"require": {"calibration": {"min_gain": 0}}}, baseline=str(models["binary before"]))
    (row,) = done.blessing["requirements"]
    assert row["difference"] == pytest.approx(abs(row["baseline"] - 1) - abs(row["value"] - 1))


def test_the_first_model_has_nothing_to_gain_on(run):
    done = run("binary", {"slices": [["carrier"]], "require": {"auc": {"min_gain": 0, "per_slice": {"min_gain": 0}}}})
    (row,) = done.blessing["requirements"]
    assert row["ok"]
    assert "no blessed model to compare with yet" in row["sentence"]
    assert tfma.load_validation_result(str(done.path)).rubber_stamp


def test_a_required_metric_that_is_not_defined_refuses(run, make_examples, tmp_path, rows):
    one_class = rows.filter(pc.or_kleene(pc.not_equal(rows["carrier"], "UA"), pc.equal(rows["binary"], "yes")))
    data = make_examples(tmp_path / "data", test=one_class)
    settings = {"slices": [["carrier"]], "require": {"auc": {"per_slice": {"min": 0.1}}}}
    done = run("binary", settings, examples=str(data))
    assert done.slice(carrier="UA")["metrics"]["auc"] is None
    (refused,) = [row for row in done.blessing["requirements"] if not row["ok"]]
    assert refused["slice"] == {"carrier": "UA"}
    assert refused["value"] is None
    assert "auc is not defined on carrier=UA" in refused["sentence"]
    assert "min_slice_size" in refused["sentence"]


def test_labels_missing_or_never_seen_are_counted_and_left_out(run, make_examples, tmp_path, rows):
    labels = [None, "", "d", "d", "e", *rows["multiclass"].to_pylist()[5:]]
    table = rows.set_column(rows.column_names.index("multiclass"), "multiclass", pa.array(labels))
    done = run("multiclass", examples=str(make_examples(tmp_path / "data", test=table)))
    assert done.evaluation["examples"] == 595
    assert done.evaluation["excluded"] == {
        "missing": 2,
        "unseen": 3,
        "unseen_values": [{"value": "d", "examples": 2}, {"value": "e", "examples": 1}],
    }
    assert np.sum(done.evaluation["confusion"]["counts"]) == 595


def test_nan_and_null_labels_of_a_regression_are_left_out(run, make_examples, tmp_path, rows):
    labels = [None, float("nan"), float("inf"), *rows["regression"].to_pylist()[3:]]
    table = rows.set_column(rows.column_names.index("regression"), "regression", pa.array(labels, pa.float32()))
    done = run("regression", examples=str(make_examples(tmp_path / "data", test=table)))
    assert done.evaluation["examples"] == 597
    assert done.evaluation["excluded"]["missing"] == 2


def test_a_split_without_any_label_or_row_is_refused_and_nothing_is_written(run, make_examples, tmp_path, rows):
    unlabelled = rows.set_column(rows.column_names.index("binary"), "binary", pa.array([None] * 600, pa.string()))
    with pytest.raises(DataError, match=r"none of the 600 rows .* 600 are missing"):
        run("binary", examples=str(make_examples(tmp_path / "unlabelled", test=unlabelled)))
    with pytest.raises(DataError, match="test split is empty"):
        run("binary", examples=str(make_examples(tmp_path / "empty", test=rows[:0])))
    assert not (tmp_path / "evaluation").exists()
    assert not (tmp_path / "blessing").exists()


@pytest.mark.parametrize(
    ("kind", "settings", "sentence"),
    [
        ("binary", {"metrics": ["r2"]}, "'r2' is for regression targets, and 'binary' is binary"),
        ("regression", {"require": {"auc": {"min": 0.5}}}, "'auc' is for binary, multiclass and multilabel targets"),
        ("multiclass", {"metrics": ["calibration"]}, "'calibration' is for binary and regression"),
        ("binary", {"slices": [["carier"]]}, "no column 'carier'. Did you mean 'carrier'"),
        ("binary", {"slices": [["distance"]]}, "column 'distance' holds float values"),
        ("binary", {"require": {"auc": {"per_slice": {"min": 0.5}}}}, "there are no slices to ask it of"),
        ("binary", {"metrics": ["MinLabelPositon"]}, "no metric 'MinLabelPositon'. Did you mean 'MinLabelPosition'"),
        ("binary", {"metrics": ["SensitivityAtSpecificity"]}, "cannot be made without arguments"),
    ],
)
def test_what_cannot_be_measured_is_told_before_any_work(run, tmp_path, kind, settings, sentence):
    with pytest.raises(DataError, match=sentence):
        run(kind, settings, model=str(tmp_path / "never looked at"))


def test_a_model_of_another_kind_or_without_description_is_refused(run, models, tmp_path, make_model):
    with pytest.raises(ModelError, match="not made for a regression target"):
        run("regression", model=str(models["binary"]))
    bare = make_model(tmp_path / "bare", "binary")
    (bare / "assets.extra" / "stellwerk.json").unlink()
    with pytest.raises(ModelError, match="does not say what it predicts"):
        run("binary", model=str(bare))


def test_a_model_that_predicts_nan_is_refused(run, tmp_path, make_model):
    with pytest.raises(ModelError, match="predicts NaN or infinity for 600 of 600 examples"):
        run("binary", model=str(make_model(tmp_path / "nan", "binary", bias=[math.nan])))


def test_a_column_the_model_needs_and_the_data_lacks_is_named(run, make_examples, tmp_path, rows):
    data = make_examples(tmp_path / "data", test=rows.drop(["distance"]))
    with pytest.raises(DataError, match="takes the columns 'distance', which the examples do not have"):
        run("binary", examples=str(data))


def test_a_blessed_model_that_cannot_answer_for_this_data_refuses_min_gain_only(run, models, tmp_path):
    done = run("binary", baseline=str(models["regression"]))
    assert done.blessing["blessed"]
    done = run("binary", {"require": {"auc": {"min_gain": -1}}}, baseline=str(models["regression"]))
    (row,) = done.blessing["requirements"]
    assert not row["ok"]
    assert "cannot be compared" in row["sentence"]
    assert "not made for a binary target" in row["sentence"]


def test_a_blessed_model_with_its_classes_in_another_order_is_compared_class_by_class(run, tmp_path, make_model):
    other = make_model(tmp_path / "other", "multiclass", classes=["c", "a", "x"])
    done = run("multiclass", {"metrics": ["accuracy"]}, baseline=str(other))
    first = done.evaluation["slices"][0]
    assert first["baseline"]["accuracy"] != first["metrics"]["accuracy"]
    assert 0 <= first["baseline"]["accuracy"] <= 1


def test_progress_tells_rows(run):
    heard = []
    run("binary", progress=lambda done, total, unit="rows": heard.append((done, total, unit)))
    assert heard[-1] == (600, 600, "rows")


HOOK = """
import tensorflow_model_analysis as tfma


class Bias(tfma.metrics.Metric):
    def __init__(self, name="bias"):
        super().__init__(_bias, name=name)


def _bias(name="bias", eval_config=None, model_names=None, output_names=None, sub_keys=None, example_weighted=False, **_):
    import apache_beam as beam
    from tensorflow_model_analysis.metrics import metric_types

    keys = [metric_types.MetricKey(name=name, model_name=model) for model in model_names]

    class Combine(beam.CombineFn):
        def create_accumulator(self):
            return [0.0, 0]

        def add_input(self, total, element):
            return [total[0] + float(element.prediction[0]) - float(element.label[0]), total[1] + 1]

        def merge_accumulators(self, totals):
            totals = list(totals)
            return [sum(t[0] for t in totals), sum(t[1] for t in totals)]

        def extract_output(self, total):
            return {keys[0]: total[0] / total[1]}

    return [metric_types.MetricComputation(keys=keys, preprocessors=None, combiner=Combine())]
"""


@pytest.mark.filterwarnings("ignore:Conversion of an array with ndim > 0 to a scalar:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:(invalid value|divide by zero) encountered in:RuntimeWarning")
def test_tfma_computes_any_other_metric_and_hooks_from_the_same_predictions(run, models):
    settings = {
        "metrics": ["mean_prediction", "mean_label", "MeanSquaredError", "metrics.py:Bias"],
        "slices": [["carrier"]],
        "require": {"metrics.py:Bias": {"max": -5.0, "min_gain": -9}},
    }
    hooks = {"metrics.py": HOOK}
    done = run("binary", settings, hooks=hooks, baseline=str(models["binary before"]))
    assert len(done.evaluation["slices"]) == 5
    for row in done.evaluation["slices"]:
        for column in ("metrics", "baseline"):
            values = row[column]
            expected = values["mean_prediction"] - values["mean_label"]
            assert values["metrics.py:Bias"] == pytest.approx(expected, abs=1e-6)
            assert 0 < values["MeanSquaredError"] < 1
    assert [row["ok"] for row in done.blessing["requirements"]] == [False, True]
    result = tfma.load_eval_result(str(done.path), model_name="baseline")
    assert result.slicing_metrics[0][1][""][""]["metrics_py_Bias"]["doubleValue"] == pytest.approx(
        done.evaluation["slices"][0]["baseline"]["metrics.py:Bias"]
    )
    assert not (done.path / "predictions").exists()


def test_a_hook_that_is_no_metric_is_refused(run):
    with pytest.raises(HookError, match="cannot compute"):
        run("binary", {"metrics": ["m.py:Thing"]}, hooks={"m.py": "class Thing:\n    pass\n"})


def test_tfmas_own_words_are_told_when_it_cannot_compute(run):
    with pytest.raises(DataError, match="TFMA could not compute MinLabelPosition: a query_key is required"):
        run("binary", {"metrics": ["MinLabelPosition"]})


def test_files_are_json_without_nan(run):
    done = run("binary", {"slices": [["hour", "carrier"]]})
    for name in ("evaluation.json", "eval_config.json"):
        json.loads((done.path / name).read_text(), parse_constant=pytest.fail)


@pytest.mark.parametrize(("variants", "many", "optimized"), [(0, 0, True), (0, 10**9, False), (1, 10**9, True)])
def test_a_graph_is_optimised_for_many_rows_and_where_its_speed_is_shown(
    models, test_rows, monkeypatch, variants, many, optimized
):
    asked = []

    class NotedError(Exception):
        pass

    def load(path, **options):
        asked.append(options)
        raise NotedError

    monkeypatch.setattr(opening, "LoadedModel", load)
    monkeypatch.setattr(opening, "MANY_ROWS", many)
    monkeypatch.setattr(opening, "variant_folders", lambda model: [model] * variants)
    target = Target.model_validate({"column": "y", "type": "binary"})
    with pytest.raises(NotedError), opening.opened(models["binary"], None, target, Examples.open(test_rows)):
        pass
    assert asked == [{"optimized": optimized}]
