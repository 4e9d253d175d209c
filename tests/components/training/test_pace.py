"""How long a training is follows from the rows, where the spec leaves it open."""

from __future__ import annotations

import pytest

from stellwerk.components.training.pace import LEAST_STEPS, paced
from stellwerk.spec.train import Train


@pytest.mark.parametrize(
    ("rows", "batch_size"),
    [(20, 32), (150, 32), (2_000, 32), (8_000, 128), (20_000, 256), (50_000, 256), (300_000, 1024), (5_000_000, 4096)],
)
def test_a_batch_grows_with_the_rows(rows, batch_size):
    assert paced(Train(), rows).batch_size == batch_size


@pytest.mark.parametrize("rows", [2_000, 5_000, 30_000])
def test_a_small_split_is_learned_in_some_hundred_steps(rows):
    settled = paced(Train(), rows)
    assert settled.epochs * -(-rows // settled.batch_size) >= LEAST_STEPS
    assert settled.epochs < 200


def test_a_large_split_is_seen_a_few_times_and_a_tiny_one_not_without_end():
    assert paced(Train(), 5_000_000).epochs == 8
    assert paced(Train(), 10).epochs == 200


def test_training_stops_after_a_third_of_the_epochs_without_a_better_eval_loss():
    assert paced(Train(epochs=60), 1_000).early_stopping == 20
    assert paced(Train(epochs=3), 1_000).early_stopping == 4


def test_what_the_spec_says_stays():
    said = Train(epochs=3, batch_size=77, early_stopping=False)
    assert paced(said, 1_000_000).model_dump() == said.model_dump()
