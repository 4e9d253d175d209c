"""Real photographs and small noise, in every format that is read."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from stellwerk.media.limits import Room
from stellwerk.media.pictures import Picture, standardised


@pytest.fixture(scope="session")
def photo() -> Image.Image:
    return Image.fromarray(load_sample_images().images[0]).resize((96, 64))


@pytest.fixture(scope="session")
def noise() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8))


@pytest.fixture
def read() -> Callable[[bytes], Picture]:
    return lambda content: standardised(content, Room())
