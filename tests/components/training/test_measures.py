"""What is measured before training, and how many threads it may take."""

from __future__ import annotations

import numpy as np
import pytest

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.training.labels import measure_labels
from stellwerk.machine import available_cores, memory
from stellwerk.spec.target import Target


def test_the_spread_of_labels_far_from_zero_is_exact(make_examples, tmp_path):
    values = 1e6 + np.random.default_rng(0).normal(size=5_000)
    rows = {"label": values.astype(np.float32)}
    examples = Examples.open(make_examples(tmp_path / "rows", train=rows, eval=rows))
    labels = measure_labels(examples, Target(column="y", type="regression"), "label", [])
    told = rows["label"].astype(np.float64)
    assert labels.mean == pytest.approx(told.mean(), rel=1e-9)
    assert labels.deviation == pytest.approx(told.std(), rel=1e-6)


def test_threads_keep_to_the_quota_of_the_container(tmp_path):
    unlimited = available_cores(tmp_path / "absent")
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert available_cores(tmp_path / "cpu.max") == 1
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert available_cores(tmp_path / "cpu.max") == unlimited


def test_memory_is_that_of_the_container(tmp_path):
    unlimited = memory(tmp_path / "absent")
    (tmp_path / "memory.max").write_text("1000000\n")
    assert memory(tmp_path / "memory.max") == 1_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert memory(tmp_path / "memory.max") == unlimited > 1_000_000
