"""Slices, sparse counts and curves, against plain computations of the same."""

from __future__ import annotations

import collections
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from stellwerk.components.evaluation.slices import Slices
from stellwerk.tasks.counts import SparseCounts, Sums
from stellwerk.tasks.curves import Ranking


def _batch(**columns):
    return pa.RecordBatch.from_arrays([pa.array(values) for values in columns.values()], names=list(columns))


def test_slices_keep_their_numbers_from_batch_to_batch():
    slices = Slices([("a",), ("a", "n")])
    first = slices.groups(_batch(a=["x", "y", "x"], n=[1, None, 2]))
    second = slices.groups(_batch(a=["z", "x", None], n=[1, 1, 1]))
    assert [group.tolist() for group in first] == [[0, 0, 0], [1, 2, 1], [3, 5, 4]]
    assert slices.keys[:6] == [
        (),
        (("a", "x"),),
        (("a", "y"),),
        (("a", "x"), ("n", 1)),
        (("a", "x"), ("n", 2)),
        (("a", "y"), ("n", "(missing)")),
    ]
    assert second[1][1] == 1
    assert second[2][1] == 3
    assert slices.keys[second[1][2]] == (("a", "(missing)"),)


def test_slices_of_kept_rows_only_and_of_no_rows():
    slices = Slices([("a",)])
    kept = slices.groups(_batch(a=["x", "y"]), np.array([False, True]))
    assert [group.size for group in kept] == [1, 1]
    assert len(slices) == 2
    assert [group.size for group in slices.groups(_batch(a=pa.array([], pa.string())))] == [0, 0]


def test_slices_are_shown_by_spec_and_then_by_value():
    slices = Slices([("n",), ("a",)])
    slices.groups(_batch(a=["y", "x"], n=[10, 9]))
    slices.groups(_batch(a=["w", "w"], n=[None, 1]))
    assert [dict(slices.keys[number]) for number in slices.order()] == [
        {},
        {"n": 1},
        {"n": 9},
        {"n": 10},
        {"n": "(missing)"},
        {"a": "w"},
        {"a": "x"},
        {"a": "y"},
    ]


def test_crosses_of_many_wide_columns_do_not_overflow():
    wide = {name: [f"{name}{i % 997}" for i in range(5000)] for name in "abcdefgh"}
    slices = Slices([tuple(wide)])
    groups = slices.groups(_batch(**wide))
    assert len(slices) == 1 + 997
    assert np.bincount(groups[1])[1:].sum() == 5000


def test_sparse_counts_equal_a_counter(monkeypatch):
    monkeypatch.setattr(SparseCounts, "_MIN_WAITING", 50)
    random = np.random.default_rng(0)
    counts, expected = SparseCounts(), collections.Counter()
    for _ in range(30):
        keys = random.integers(0, 40, (5, 8)) ** 2
        counts.add(keys)
        expected.update(keys.reshape(-1).tolist())
    keys, values = counts.items()
    assert dict(zip(keys.tolist(), values.tolist(), strict=True)) == expected
    assert (np.diff(keys) > 0).all()
    assert SparseCounts().items()[0].size == 0


def test_sums_grow_with_the_slices():
    sums = Sums(1)
    sums.add(np.array([0, 100, 0]), [np.array([1.0, 2.0, 3.0])])
    sums.add(np.zeros(0, np.int64), [np.zeros(0)])
    assert sums.table(102)[[0, 100, 101], 0].tolist() == [4.0, 2.0, 0.0]


def test_areas_need_both_classes():
    ranking = Ranking()
    numbers = np.array([0, 0, 0, 1, 1, 2, 2])
    p = np.array([0.1, 0.9, 1.0, 0.2, 0.3, 0.2, 0.3])
    ranking.add(numbers, p, np.array([False, True, True, False, False, True, True]))
    roc, pr = ranking.areas(4)
    assert roc[0] == pytest.approx(1.0)
    assert pr[0] == pytest.approx(1.0)
    assert np.isnan(roc[1:]).all()
    assert np.isnan(pr[[1, 3]]).all()
    assert pr[2] == pytest.approx(1.0)


def test_a_perfect_and_a_constant_model_have_curves_with_their_ends():
    for p in (np.array([0.0, 1.0]), np.array([0.5, 0.5])):
        ranking = Ranking()
        ranking.add(np.zeros(2, np.int64), p, np.array([False, True]))
        curve = ranking.curve(200)
        assert curve["roc"][0] == [0.0, 0.0]
        assert curve["roc"][-1] == [1.0, 1.0]
        assert curve["thresholds"] == pytest.approx([1.0, *sorted(set(p), reverse=True)], abs=2e-4)


def test_tfmas_protos_need_no_import_of_tfma_and_are_the_same_classes_afterwards():
    script = """
import sys, warnings
from stellwerk.components.evaluation import tfma_protos
assert not any(name.split('.')[0] in ('tensorflow_model_analysis', 'tensorflow', 'apache_beam') for name in sys.modules)
warnings.simplefilter('ignore')
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2, validation_result_pb2
assert config_pb2.EvalConfig is tfma_protos.config_pb2.EvalConfig
assert validation_result_pb2.ValidationResult is tfma_protos.validation_result_pb2.ValidationResult
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
