"""How long a training is and in what steps it goes, where the spec leaves that to the number of rows.

Measured by `benchmarks/defaults.py`; docs/decisions/0030 says why.
"""

from __future__ import annotations

import math

from stellwerk.spec.train import Train

LEAST_STEPS = 1400
"""Gradient steps after which a network of the default size has learned what a small split can teach."""

EPOCHS = (8, 200)
"""Fewest and most passes over the train split."""

SMALL_BATCHES, LARGE_BATCHES = (32, 256), (256, 4096)
"""Smallest and largest batch, of small and of large splits."""

BATCHES_OF_SMALL, BATCHES_OF_LARGE = 64, 256
"""About so many batches an epoch has, until the batch is as large as it gets."""

PATIENCE = 3
"""The part of the epochs, one in so many, after which a training without a better eval loss stops."""

LEAST_PATIENCE = 4


class Paced(Train):
    """The section `train` with nothing left open."""

    epochs: int
    batch_size: int


def paced(training: Train, rows: int) -> Paced:
    """Returns `training` with everything said that is left open; `rows` are those of the train split.

    A batch of a small split is a sixty-fourth of it, a power of 2; of a large one a 256th. There are so many epochs that at least
    `LEAST_STEPS` steps are made, within `EPOCHS`.
    """
    batch = training.batch_size or _batch_size(rows)
    few, many = EPOCHS
    epochs = training.epochs or min(many, max(few, math.ceil(LEAST_STEPS * batch / max(rows, 1))))
    patience = training.early_stopping
    if patience is None:
        patience = max(LEAST_PATIENCE, math.ceil(epochs / PATIENCE))
    said = {name: getattr(training, name) for name in Train.model_fields}
    return Paced(**{**said, "batch_size": batch, "epochs": epochs, "early_stopping": patience})


def _batch_size(rows: int) -> int:
    small = _power_within(rows / BATCHES_OF_SMALL, *SMALL_BATCHES)
    return max(small, _power_within(rows / BATCHES_OF_LARGE, *LARGE_BATCHES)) if small == SMALL_BATCHES[1] else small


def _power_within(wanted: float, least: int, most: int) -> int:
    return int(min(most, max(least, 2 ** round(math.log2(max(wanted, 1))))))
