"""Values are switched off at random, a byte of randomness each."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from stellwerk.components.training.networks.dropout import Dropout
from stellwerk.components.training.networks.members import LECUN, OfEachMember

ONES = np.ones((500, 7, 61), np.float32)


@pytest.mark.parametrize(("rate", "off"), [(0.1, 26 / 256), (0.5, 0.5), (0.001, 1 / 256), (0.999, 255 / 256)])
def test_a_share_is_switched_off_and_the_mean_stays(rate, off):
    keras.utils.set_random_seed(1)
    dropped = Dropout(rate)(ONES, training=True).numpy()
    assert np.mean(dropped == 0) == pytest.approx(off, abs=0.005)
    assert np.unique(dropped) == pytest.approx([0, 1 / (1 - off)])
    assert dropped.mean() == pytest.approx(1, abs=0.2 if rate > 0.99 else 0.01)


def test_neither_neighbours_nor_steps_are_switched_off_alike():
    keras.utils.set_random_seed(1)
    layer = Dropout(0.5)
    first, second = (layer(ONES, training=True).numpy().ravel() > 0 for _ in range(2))
    assert np.mean(first == second) == pytest.approx(0.5, abs=0.01)
    for apart in (1, 2, 3, 4, 61, 128):
        assert np.mean(first[apart:] == first[:-apart]) == pytest.approx(0.5, abs=0.01)


def test_the_seed_decides_and_nothing_is_switched_off_where_nothing_is_learned():
    masks = []
    for _ in range(2):
        keras.utils.set_random_seed(7)
        masks.append(Dropout(0.3)(ONES, training=True).numpy())
    assert np.array_equal(*masks)
    assert np.array_equal(Dropout(0.3)(ONES), ONES)


@pytest.mark.parametrize("units", [1, 3])
def test_a_layer_of_members_gives_each_its_own_products(units):
    layer = OfEachMember(units, LECUN, bias="ones")
    values = np.random.default_rng(1).normal(size=(5, 4, 6)).astype(np.float32)
    answered = layer(values).numpy()
    expected = np.stack([values[:, at] @ layer.kernel.numpy()[at] + 1 for at in range(4)], axis=1)
    assert answered.shape == (5, 4, units)
    assert np.allclose(answered, expected, atol=1e-5)
