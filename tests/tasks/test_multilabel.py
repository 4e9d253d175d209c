"""Several labels a row: how they are read, what is counted of them, and that it equals TFMA's and scikit-learn's."""

from __future__ import annotations

import json
from collections import Counter

import keras
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from google.protobuf import json_format
from pydantic import ValidationError
from sklearn import metrics
from tensorflow_model_analysis.proto import config_pb2

from stellwerk.errors import DataError
from stellwerk.spec.target import Target
from stellwerk.tasks.labels import Labels
from stellwerk.tasks.multilabel import label
from stellwerk.tasks.multilabel.head import HEAD
from stellwerk.tasks.multilabel.linear import answered, solved
from stellwerk.tasks.multilabel.metrics import MEASURES
from stellwerk.tasks.multilabel.rows import losses, said
from stellwerk.tasks.multilabel.strangers import strangers
from stellwerk.tasks.multilabel.tally import new_tally

pytestmark = [
    pytest.mark.filterwarnings("ignore:Conversion of an array with ndim > 0 to a scalar:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:(invalid value|divide by zero) encountered in:RuntimeWarning"),
]
"""TFMA's own habits."""

NAMES = ["a", "b", "c"]
TARGET = Target(column="tags", type="multilabel")
TEXTS = pa.array(["a|b", "", "c", None, "b|x"])


def drawn(rows=400):
    random = np.random.default_rng(7)
    probabilities = random.random((rows, 3)).astype(np.float32)
    labels = (random.random((rows, 3)) < probabilities * [0.9, 0.6, 0.3]).astype(np.float32)
    return labels, probabilities, random.integers(0, 2, rows)


def counted(labels, probabilities, groups, threshold=0.4):
    tally = new_tally(NAMES, threshold, list(MEASURES))
    whole = np.zeros(len(labels), np.int64)
    tally.add(labels, probabilities, [whole, groups + 1])
    return tally


def test_a_row_has_any_number_of_labels_and_a_missing_one_is_none():
    encoded = label.encode(TEXTS, NAMES)
    assert np.nan_to_num(encoded, nan=-1).tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 1], [-1, -1, -1], [0, 1, 0]]
    assert label.known(encoded).tolist() == [True, True, True, False, True]
    assert strangers(TEXTS, NAMES) == Counter({"x": 1})


@pytest.mark.parametrize(
    ("texts", "settings", "says"),
    [
        (["", ""], {}, "has no label in any row"),
        (["a", ""], {}, "one label only, 'a'"),
        (["a", "b"], {}, "exactly one label in every row"),
        (["a|b", "b", "b"], {"min_count": 2}, "lower target.min_count"),
        (["|".join(map(str, range(1001))), "1"], {}, "more than 1,000"),
    ],
)
def test_what_cannot_be_learned_is_refused(texts, settings, says):
    answers = label.answers(Target(column="tags", type="multilabel", **settings))
    answers.add(pa.array(texts))
    with pytest.raises(DataError, match=says):
        answers.classes()


def test_rare_labels_are_left_out_and_parts_are_put_together():
    target = Target(column="tags", type="multilabel", vocabulary=2)
    one, other = label.answers(target), label.answers(target)
    one.add(pa.array(["a|b", "c|b"]))
    other.add(pa.array(["c|b", "d"]))
    again = label.answers(target)
    again.restore(json.loads(json.dumps(other.as_json())))
    one.merge(again)
    assert one.classes() == ["b", "c"]


def test_labels_that_are_the_same_in_all_rows_teach_nothing():
    with pytest.raises(DataError, match="the same labels in all 3 rows"):
        label.measured([np.array([[1.0, 0.0, 1.0]] * 3)], TARGET, NAMES)
    found = label.measured([np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])], TARGET, NAMES)
    assert (found.rows, found.counts.tolist(), label.trivial(found)) == (2, [1, 0, 2], [0.5, 0, 1])


def test_metrics_equal_scikit_learns():
    labels, probabilities, groups = drawn()
    tally = counted(labels, probabilities, groups)
    found = {name: values[0] for name, values in tally.metrics(3).items()}
    predicted = probabilities > 0.4
    expected = {
        "f1": metrics.f1_score(labels, predicted, average="micro"),
        "f1_macro": metrics.f1_score(labels, predicted, average="macro"),
        "precision": metrics.precision_score(labels, predicted, average="micro"),
        "recall": metrics.recall_score(labels, predicted, average="micro"),
        "accuracy": metrics.accuracy_score(labels, predicted),
        "hamming_loss": metrics.hamming_loss(labels, predicted),
        "log_loss": np.mean([metrics.log_loss(labels[:, at], probabilities[:, at]) for at in range(3)]),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-6)
    assert found["auc"] == pytest.approx(metrics.roc_auc_score(labels, probabilities, average="macro"), abs=2e-4)
    by_label = {row["label"]: row for row in tally.details()["labels"]}
    of_b = metrics.precision_recall_fscore_support(labels[:, 1], predicted[:, 1], average="binary")
    assert [by_label["b"][name] for name in ("precision", "recall", "f1")] == pytest.approx(of_b[:3])
    for name, (low, high) in tally.intervals(3).items():
        assert 0 <= low[0] < found[name] < high[0] <= 1, name


def test_metrics_equal_tfmas_on_every_slice():
    labels, probabilities, groups = drawn()
    frame = pd.DataFrame({"half": groups.astype(str), "label": list(labels), "prediction": list(probabilities)})
    specs = []
    for name, measure in MEASURES.items():
        if measure.average:
            config = {"name": name, **({measure.threshold: 0.4} if measure.threshold else {})}
            macro = {"macro_average": True, "class_weights": {str(at): 1.0 for at in range(3)}}
            aggregate = macro if measure.average == "macro_average" else {"micro_average": True}
            one = {"class_name": measure.tfma, "config": json.dumps(config)}
            specs.append({"metrics": [one], "aggregate": aggregate})
    config = json_format.ParseDict(
        {"model_specs": [{"label_key": "label", "prediction_key": "prediction"}], "metrics_specs": specs}
        | {"slicing_specs": [{}, {"feature_keys": ["half"]}], "options": {"include_default_metrics": False}},
        config_pb2.EvalConfig(),
    )
    tally = counted(labels, probabilities, groups)
    ours, compared = tally.metrics(3), 0
    for key, by_output in tfma.analyze_raw_data(frame, eval_config=config).slicing_metrics:
        number = 1 + int(key[0][1]) if key else 0
        for key_name, value in ((n, v) for values in by_output[""].values() for n, v in values.items()):
            name = key_name.rpartition("\n_")[2]
            assert ours[name][number] == pytest.approx(value["doubleValue"], rel=1e-6), (key, name)
            compared += 1
    assert compared == 3 * len(specs)


def test_tallies_that_were_counted_apart_are_put_together():
    labels, probabilities, groups = drawn()
    whole = counted(labels, probabilities, groups)
    one, other = (counted(labels[half], probabilities[half], groups[half]) for half in (slice(150), slice(150, 400)))
    one.take(other.arrays(3), np.arange(3))
    for name, values in whole.metrics(3).items():
        assert one.metrics(3)[name] == pytest.approx(values), name
    assert one.details() == whole.details()
    assert one.counts(3).tolist() == whole.counts(3).tolist()


def test_the_loss_weighs_the_rows_that_have_a_label():
    weights = np.array([1.0, 3.0], np.float32)
    head = HEAD(Labels(10, np.array([5.0, 1.0])), weights, ("a", "b"))
    given, labels = np.array([[0.3, 0.8]]), np.array([[0.0, 1.0]])
    lost = head.losses(tf.constant(labels, tf.float32), tf.constant(given, tf.float32)).numpy()
    assert lost == pytest.approx((-np.log(0.7) - 3 * np.log(0.8)) / 2, rel=1e-5)
    scores = keras.Input((2,))
    untrained = keras.Model(scores, head.output(scores))(head.prior()[None])
    assert untrained.numpy()[0] == pytest.approx([0.5, 6 / 16], rel=1e-5)


def test_a_regression_a_label_is_the_linear_baseline():
    random = np.random.default_rng(1)
    design = random.normal(size=(500, 2))
    labels = np.column_stack([design[:, 0] > 0, design[:, 1] > 0, np.zeros(500)]).astype(np.float32)
    found = Labels(500, labels.sum(axis=0))
    coefficients, bias = solved(design, labels, found, np.ones(3))
    given = answered(tf.constant(design @ coefficients + bias), found).numpy()
    assert ((given[:, :2] > 0.5) == labels[:, :2]).mean() > 0.97
    assert given[:, 2].max() < 0.01


def test_single_answers_name_their_labels():
    given = np.array([[0.9, 0.6, 0.1]])
    assert said([1, 0, 0], given[0], NAMES) == {"actual": "a", "predicted": "a, b", "certainty": 0.6}
    assert said([0, 0, 0], np.zeros(3), NAMES)["actual"] == "none"
    assert losses(np.array([[1, 0, 0]]), given)[0] == pytest.approx(-np.log([0.9, 0.4, 0.9]).mean())


@pytest.mark.parametrize("key", ["separator", "vocabulary", "min_count"])
def test_keys_of_labels_are_for_targets_that_have_several(key):
    with pytest.raises(ValidationError, match="is for type: multilabel"):
        Target.model_validate({"column": "y", "type": "multiclass", key: ";" if key == "separator" else 5})
