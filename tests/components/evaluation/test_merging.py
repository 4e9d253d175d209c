"""What was counted apart, with slices numbered apart, is put together to what counting it all at once gives."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from stellwerk.components.evaluation.counted import Counted, Terms

ROWS, STANDARD = 900, {"binary": ("auc",), "multiclass": ("auc",), "regression": ("r2",)}
CLASSES = {"binary": ("0", "1"), "multiclass": ("a", "b", "c"), "regression": ()}


def _batch(kind):
    random = np.random.default_rng(3)
    if kind == "binary":
        return random.integers(0, 2, ROWS).astype(float), random.random((ROWS, 1))
    if kind == "multiclass":
        return random.integers(0, 3, ROWS), random.dirichlet([1, 1, 1], ROWS)
    return random.normal(1000, 5, ROWS), random.normal(1000, 5, (ROWS, 1))


def _counted(terms, labels, predictions, rows, seed=0):
    counted = Counted(terms, seed)
    carriers = pa.array(np.random.default_rng(5).choice(["AA", "B6", "UA", ""], ROWS))
    groups = counted.slices.groups(pa.RecordBatch.from_arrays([carriers.take(pa.array(rows))], names=["carrier"]))
    counted.tallies["model"].add(labels[rows], predictions[rows], groups)
    counted.excluded.missing += 1
    counted.excluded.unseen_values["x"] += 2
    return counted


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_parts_in_any_order_give_what_the_whole_gives(kind):
    terms = Terms(("model",), kind, CLASSES[kind], 0.5, STANDARD[kind], (("carrier",),))
    labels, predictions = _batch(kind)
    order = np.argsort(labels, kind="stable")  # parts that differ, as those of sorted data do
    whole = _counted(terms, labels, predictions, order)
    parts = [_counted(terms, labels, predictions, rows, seed) for seed, rows in enumerate(np.array_split(order, 4))]
    joined = Counted(terms)
    for part in reversed(parts):
        joined.take(Counted.from_bytes(terms, part.to_bytes()))
    place = {key: number for number, key in enumerate(joined.slices.keys)}
    same = [place[key] for key in whole.slices.keys]
    assert sorted(same) == list(range(len(joined.slices)))
    np.testing.assert_array_equal(joined.examples[same], whole.examples)
    own, its = (one.tallies["model"] for one in (whole, joined))
    for name, values in own.metrics(len(same)).items():
        np.testing.assert_allclose(its.metrics(len(same))[name][same], values, rtol=1e-9, err_msg=name)
    for number, confusion in enumerate(own.confusions(len(same))):
        np.testing.assert_array_equal(its.confusions(len(same))[same[number]], confusion)
    assert joined.excluded.missing == 4
    assert joined.excluded.unseen_values == {"x": 8}


def test_the_sample_of_a_regression_is_the_same_where_all_rows_fit_in_it():
    terms = Terms(("model",), "regression", (), 0.5, ("r2",), ())
    labels, predictions = _batch("regression")
    rows = np.arange(ROWS)
    whole, first, second = (
        _counted(terms, labels, predictions, part, seed) for seed, part in enumerate((rows, rows[:300], rows[300:]))
    )
    first.take(second)
    own, its = (one.tallies["model"].details() for one in (whole, first))
    assert its["regression"]["sampled"] == own["regression"]["sampled"] == ROWS
    assert its["regression"]["histogram"]["counts"] == own["regression"]["histogram"]["counts"]
    assert its["regression"]["residuals"] == pytest.approx(own["regression"]["residuals"])
