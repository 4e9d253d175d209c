"""Forecasts: quantiles, the unit of a window, what is counted step by step, and the baselines."""

from __future__ import annotations

import keras
import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from pydantic import ValidationError

from stellwerk.errors import DataError
from stellwerk.spec.target import Target
from stellwerk.tables.lists import lists
from stellwerk.tasks.forecast import label
from stellwerk.tasks.forecast.baselines import baselines
from stellwerk.tasks.forecast.head import HEAD
from stellwerk.tasks.forecast.pictures import pictures
from stellwerk.tasks.forecast.tally import new_tally
from stellwerk.tasks.labels import Labels

QUANTILES = [0.1, 0.5, 0.9]
FACTS = {"steps": 2, "quantiles": QUANTILES, "naive_error": 2.0, "loss": "pinball", "past": "y", "output": "quantiles"}
WHOLE = [np.zeros(2, np.int64)]


def head():
    return HEAD(Labels(4, np.empty(0), 10.0, 1.0, FACTS), np.ones(1, np.float32), ())


def test_quantiles_are_served_rising_beside_the_median():
    outputs = tf.constant([[1.0, 3.0, 2.0, 4.0, 5.0, 6.0]])
    served = head().signature(outputs)
    assert served["predictions"].numpy().tolist() == [[2.0, 5.0]]
    assert served["quantiles"].numpy().tolist() == [[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]


def test_the_pinball_loss_is_least_at_the_quantile():
    labels = tf.constant(np.random.default_rng(0).normal(0, 1, (20_000, 1)), tf.float32)
    facts = {**FACTS, "steps": 1}
    one = HEAD(Labels(4, np.empty(0), 0.0, 1.0, facts), np.ones(1, np.float32), ())

    def lost(low):
        return float(tf.reduce_mean(one.losses(labels, tf.tile(tf.constant([[low, 0.0, 1.2816]]), [20_000, 1]))))

    assert lost(-1.2816) < min(lost(-1.5), lost(-1.0))


def test_scores_are_brought_back_by_the_unit_of_their_window():
    unit = keras.Input((1, 2), name="y_unit")
    scores = keras.Input((6,), name="scores")
    beside = head().beside({"y_unit": {"unit_of": ["y"]}, "x": {}}, {"y_unit": unit})
    made = keras.Model([scores, unit], beside.output(scores))
    answered = made([np.ones((1, 6), np.float32), np.array([[[100.0, 5.0]]], np.float32)])
    assert answered.numpy().tolist() == [[105.0] * 6]
    assert head().beside({"other_unit": {"unit_of": ["other"]}}, {}).unit is None


def test_labels_know_steps_and_the_error_of_the_naive_forecast():
    found = label.measured(
        [np.array([[1.0, 3.0, 2.0], [5.0, 5.0, 8.0]])], Target(column="y_future", type="forecast"), ()
    )
    assert (found.facts["steps"], found.facts["past"], found.facts["output"]) == (3, "y", "predictions")
    assert found.facts["naive_error"] == pytest.approx((1.5 + 1.5) / 2)
    with pytest.raises(DataError, match="only the value 1"):
        label.measured([np.ones((4, 2))], Target(column="y_future", type="forecast"), ())


def test_errors_are_counted_over_all_steps_and_by_step():
    tally, other = new_tally((), 0.5, ()), new_tally((), 0.5, ())
    labels = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    for one in (tally, other):
        one.know({"quantiles": [0.5], "naive_error": 2.0})
    tally.add(labels, labels + np.array([[1.0, -2.0], [1.0, 2.0]], np.float32), WHOLE)
    found = {name: values[0] for name, values in tally.metrics(1).items()}
    assert (found["mae"], found["mse"], found["rmse"], found["mase"]) == pytest.approx((1.5, 2.5, 2.5**0.5, 0.75))
    assert found["pinball"] == pytest.approx(0.75)
    assert found["smape"] == pytest.approx((2 / 3 + 2 + 2 / 7 + 4 / 10) / 4)
    assert tally.details()["horizon"]["mae"] == [1.0, 2.0]
    other.take(tally.arrays(1), np.zeros(1, np.int64))
    assert other.metrics(1)["rmse"] == pytest.approx(tally.metrics(1)["rmse"])
    assert other.details() == tally.details()


def test_the_naive_forecasts_repeat_the_last_value_and_the_last_season():
    manifest = {"columns": {"y": "float[4]", "y_future": "float[3]"}, "windows": {"season": 2}}
    target, facts = Target(column="y_future", type="forecast"), {**FACTS, "steps": 3, "quantiles": [0.5]}
    naive, seasonal = baselines(target, facts, manifest)
    batch = pa.RecordBatch.from_arrays([lists(np.array([[1, 2, 3, 4], [5, 6, 7, np.nan]], np.float32))], names=["y"])
    assert (naive.name, naive.predict(batch).tolist()) == ("naive", [[4, 4, 4], [7, 7, 7]])
    assert (seasonal.name, seasonal.predict(batch).tolist()) == ("seasonal_naive", [[3, 4, 3], [7, 7, 7]])
    assert [one.name for one in baselines(target, facts, {**manifest, "windows": {"season": None}})] == ["naive"]
    assert baselines(target, facts, {"columns": {"y_future": "float[3]"}}) == []


def test_forecasts_of_each_series_are_kept_for_the_report():
    columns = [pa.array(["a", "a", "b", "b"]), pa.array([1, 2, 3, 4]), lists(np.arange(16).reshape(4, 4))]
    batch = pa.RecordBatch.from_arrays(columns, names=["meter", "time", "y"])
    manifest = {"windows": {"key": ["meter"], "order": "time"}, "columns": {}}
    found = pictures(batch, np.ones((4, 2)), np.ones((4, 6)), FACTS, manifest)["forecasts"]
    assert [(one["series"], one["moment"]) for one in found["shown"]] == [
        *(("meter a", 1), ("meter a", 2)),
        *(("meter b", 3), ("meter b", 4)),
    ]
    assert found["shown"][0]["past"] == [0, 1, 2, 3]
    assert len(found["shown"][0]["forecast"]) == 3


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"type": "regression", "season": 7}, "is for type: forecast"),
        ({"type": "forecast", "quantiles": [0.1, 0.9, 0.95]}, "with 0.5 in the middle"),
        ({"type": "forecast", "quantiles": [0.9, 0.5, 0.1]}, "must rise"),
        ({"type": "forecast", "quantiles": [0.1, 0.5, 0.9], "loss": "mae"}, "is that of quantiles"),
    ],
)
def test_what_does_not_go_together_is_refused(settings, says):
    with pytest.raises(ValidationError, match=says):
        Target.model_validate({"column": "y", **settings})
