"""Three features that an encoder is for: sentences whose order decides, a wave step by step, and digits as pictures."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from sklearn.datasets import load_digits

SOURCE = """
import tensorflow as tf

def picture(columns):
    '''Scikit-learn's digits, uint8 [batch, 8, 8, 1]: a letter a pixel, A to Q.'''
    letters = tf.io.decode_raw(columns["pixels"], tf.uint8, fixed_length=64)
    return tf.reshape((tf.maximum(letters, 65) - 65) * 15, [-1, 8, 8, 1])

def wave(columns):
    '''Twelve points of a wave and of its slope, float32 [batch, 12, 2].'''
    places = columns["phase"][:, None] + tf.range(12, dtype=tf.float32) / 2
    return tf.stack([tf.sin(places), tf.cos(places)], axis=2)
"""
FEATURES = {
    "said": {"type": "text", "encoding": "tokens", "max_tokens": 8, "embedding": 16},
    "wave": {"transform": "features.py:wave", "columns": ["phase"]},
    "picture": {"transform": "features.py:picture", "columns": ["pixels"]},
}
NAMES = ("ada", "ben", "cleo", "dan", "eve")


def _sentences(random, labels):
    """Who beats whom: the same words either way, and the label is whether the first is before the second in the alphabet."""
    made = []
    for label in labels:
        pair = sorted(random.choice(NAMES, 2, replace=False), reverse=not label)
        made.append(f"{'oh ' * random.integers(0, 3)}{pair[0]} beats {pair[1]}")
    return made


@pytest.fixture(scope="session")
def told_apart(prepare):
    """Whether a digit is a 1 or a 7, beside a sentence and a wave that say so too."""
    digits = load_digits()
    wanted = np.isin(digits.target, (1, 7))
    labels = (digits.target[wanted] == 7).astype(np.int64)
    random = np.random.default_rng(0)
    table = pa.table(
        {
            "pixels": ["".join(chr(65 + int(value)) for value in row) for row in digits.data[wanted]],
            "said": _sentences(random, labels),
            "phase": (random.uniform(0.2, 2.9, len(labels)) + np.pi * labels).astype(np.float32),
            "seven": labels,
        }
    )
    rows = np.arange(len(labels)) % 4
    splits = {name: table.filter(pa.array(np.isin(rows, part))) for name, part in SPLITS.items()}
    return prepare(FEATURES, {"column": "seven", "type": "binary"}, hooks={"features.py": SOURCE}, **splits)


SPLITS = {"train": (0, 1), "eval": (2,), "test": (3,)}
