"""How many threads TensorFlow may use."""

from __future__ import annotations

from contextlib import suppress

import tensorflow as tf

from stellwerk.machine import available_cores


def use_available_cores() -> None:
    """Gives TensorFlow as many threads as there are cores, where it has not started yet.

    It counts the machine's cores and not what a container may use of them; too many threads take turns and slow each
    other down. Operations run one after the other, each on all cores: small networks gain nothing from more.
    """
    with suppress(RuntimeError):  # TensorFlow has started: what it has stays
        tf.config.threading.set_intra_op_parallelism_threads(available_cores())
        tf.config.threading.set_inter_op_parallelism_threads(1)
