"""How the cores are used: by operations and parts of a batch side by side, and by one operation where it is long."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from contextlib import suppress

import tensorflow as tf

from stellwerk.components.training.description import ModelInput
from stellwerk.components.training.models.encoding import encoded_width
from stellwerk.components.training.models.ensemble import bins_of_a_number
from stellwerk.components.training.pace import Paced
from stellwerk.machine import available_cores
from stellwerk.spec.model import Dense, Ensemble, Model

PART_ROWS = 128
"""A smaller part of a batch costs more to hand over than a second core gains; a row counts once for each member that sees it."""

MANY_STEPS = 3000
"""Steps of a small network: in a shorter training, tracing the network once for each part takes longer than it saves."""

LARGE_STEP = 4
"""Steps of a small network that take as long as one whose operations are worth a second core."""


def parts_of_a_batch(architecture: Model, training: Paced, inputs: Sequence[ModelInput], rows: int) -> int:
    """Returns in how many parts a batch is learned side by side; `rows` are those of the training split.

    One where a batch must stay whole: its own mean and deviation normalise it, a custom model may look at all its rows, or a
    GPU takes it. Also one where the training is short: it is told from the sizes of the layers, not by a clock, as the
    parts decide the last digits of the weights.
    """
    if (
        architecture.type == "custom"
        or getattr(architecture, "batch_normalization", False)
        or tf.config.list_physical_devices("GPU")
    ):
        return 1
    steps = rows * training.epochs / training.batch_size
    if steps * _small_steps(architecture, training.batch_size, inputs, rows) < MANY_STEPS:
        return 1
    seen = training.batch_size * getattr(architecture, "members", 1)
    return max(1, min(available_cores(), training.batch_size, seen // PART_ROWS))


def _small_steps(architecture: Dense | Ensemble, batch: int, inputs: Sequence[ModelInput], rows: int) -> float:
    """Returns how many times as long as that of a small network a step takes: what it does once, for each row, and in layers."""
    width = encoded_width(inputs)
    if isinstance(architecture, Ensemble):
        numbers = sum(item.kind == "number" for item in inputs)
        width += numbers * bins_of_a_number(architecture.bins, numbers, rows)
    layers = itertools.pairwise([width, *architecture.hidden])
    products = sum(before * after for before, after in layers) * getattr(architecture, "members", 1)
    return 0.5 + batch / 1024 + batch * products / 20_000_000


def cores_of_an_operation(
    architecture: Model, training: Paced, inputs: Sequence[ModelInput], rows: int, parts: int
) -> int:
    """Returns on how many cores one operation may run: those of small layers are over before a second core has begun."""
    if architecture.type != "custom" and _small_steps(architecture, training.batch_size, inputs, rows) < LARGE_STEP:
        return 1
    return max(1, available_cores() // parts)


def use_cores(for_an_operation: int) -> None:
    """Gives TensorFlow threads, where it has not started yet: for each operation, and for operations side by side on all cores.

    By itself it counts the machine's cores and not what a container may use of them, and too many threads take turns and slow
    each other down.
    """
    with suppress(RuntimeError):  # TensorFlow has started: what it has stays
        tf.config.threading.set_intra_op_parallelism_threads(for_an_operation)
        tf.config.threading.set_inter_op_parallelism_threads(available_cores())
