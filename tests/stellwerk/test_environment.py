"""TensorFlow is loaded without what it would load for notebooks, which stays there for whoever asks."""

from __future__ import annotations

import subprocess
import sys

import pytest

from stellwerk.environment import UNUSED, load

LOADS = """
import sys
from stellwerk.environment import UNUSED, load
load("tensorflow")
import tensorflow as tf
assert not [name for name in UNUSED if name in sys.modules]
assert tf.keras.layers.Dense(1)(tf.zeros([1, 1])).shape == (1, 1)
import IPython, sklearn
assert IPython.__version__ and sklearn.__version__
"""


def test_tensorflow_and_keras_work_and_what_was_left_out_can_be_imported_afterwards():
    ran = subprocess.run([sys.executable, "-c", LOADS], capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr


def test_what_was_loaded_before_stays(monkeypatch):
    there = type(sys)("sklearn")
    monkeypatch.setitem(sys.modules, "sklearn", there)
    load("json")
    assert sys.modules["sklearn"] is there


def test_an_import_that_fails_leaves_nothing_hidden():
    hidden = [name for name in UNUSED if name not in sys.modules]
    with pytest.raises(ModuleNotFoundError):
        load("stellwerk.no_such_module")
    assert not [name for name in hidden if name in sys.modules]
