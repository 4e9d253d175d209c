"""How the cores are used: by operations and parts of a batch side by side, and by one operation where it is long."""

from __future__ import annotations

from contextlib import suppress

import tensorflow as tf

from stellwerk.components.training.networks.cost import Cost
from stellwerk.components.training.pace import Paced
from stellwerk.machine import available_cores

PART_ROWS = 128
"""A smaller part of a batch costs more to hand over than a second core gains; a row counts once for each member that sees it."""

MANY_STEPS = 3000
"""Steps of a small network: in a shorter training, tracing the network once for each part takes longer than it saves."""

LARGE_STEP = 4
"""Steps of a small network that take as long as one whose operations are worth a second core."""


def parts_of_a_batch(cost: Cost | None, training: Paced, rows: int) -> int:
    """Returns in how many parts a batch is learned side by side; `rows` are those of the training split.

    One where a batch must stay whole: a layer looks at all its rows or may do so, or a GPU takes it. Also one where the training is
    short: it is told from the sizes of the layers, not by a clock, as the parts decide the last digits of the weights.
    """
    if cost is None or cost.whole_batches or tf.config.list_physical_devices("GPU"):
        return 1
    steps = rows * training.epochs / training.batch_size
    if steps * _small_steps(cost, training.batch_size) < MANY_STEPS:
        return 1
    seen = training.batch_size * cost.members
    return max(1, min(available_cores(), training.batch_size, seen // PART_ROWS))


def _small_steps(cost: Cost, batch: int) -> float:
    """Returns how many times as long as that of a small network a step takes: what it does once, for each row, and in layers."""
    return 0.5 + batch / 1024 + batch * cost.products / 20_000_000


def cores_of_an_operation(cost: Cost | None, training: Paced, parts: int) -> int:
    """Returns on how many cores one operation may run: those of small layers are over before a second core has begun."""
    if cost is not None and _small_steps(cost, training.batch_size) < LARGE_STEP:
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
