"""The inner loop, inside the graph: many gradient steps in one call, so that Python costs nothing per step."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import tensorflow as tf

from stellwerk.components.training.last_layer import beside
from stellwerk.components.training.packing import Chunk, Packing
from stellwerk.tasks.heads import Head
from stellwerk.tasks.labels import Numbers

FIRST_STEPS = 8
CALL_SECONDS = 0.5
"""A call is made as long as this, so that progress shows and Ctrl-C is heard whatever the network."""


@dataclass(frozen=True)
class Seen:
    """What one call has shown."""

    labels: Numbers
    values: Numbers
    """`Head.seen` of each row."""
    loss: float
    """Sum over the rows, in the unit of the reported loss."""


@dataclass(frozen=True)
class Network:
    """One network with two ends, Keras models of the same weights."""

    learns: Any
    """What the loss is asked of: [batch, units], or [batch, members, units]."""
    answers: Any
    """What is exported: [batch, units]."""
    mixes: bool = False
    """Whether it can be mixed with the linear baseline, see `mixing`."""

    @classmethod
    def of(cls, model: Any) -> Network:
        """Returns a network that learns by what it answers."""
        return cls(model, model)


class Fitting:
    """Runs a model over chunks, with or without learning from them."""

    def __init__(  # noqa: PLR0917 - the parts of the loop, each with a name of its own
        self,
        network: Network,
        optimizer: Any,
        head: Head,
        packing: Packing,
        batch_size: int,
        parts: int = 1,
        judging: Head | None = None,
    ) -> None:
        """Each batch is taken in `parts` of equal size, side by side; the sum of their gradients is that of the batch.

        `judging` has the weights of the classes where nothing is learned, if they are others there.
        """
        self._network, self._optimizer, self._head, self._packing = network, optimizer, head, packing
        self._batch_size, self._parts, self._judging = batch_size, parts, judging or head
        self._weights = network.learns.trainable_variables
        optimizer.build(self._weights)
        self._learn = tf.function(self._learn_steps, input_signature=packing.signature, autograph=False)
        self._judge = tf.function(self._judge_steps, input_signature=packing.signature, autograph=False)
        self._steps = {True: FIRST_STEPS, False: FIRST_STEPS}

    def trace(self, learn: bool = True) -> None:
        """Makes the graphs, which otherwise the first chunks wait for; that of learning only when `learn`."""
        if learn:
            self._learn.get_concrete_function()
        self._judge.get_concrete_function()

    def run(self, chunk: Chunk, learn: bool) -> Iterator[Seen]:
        """Goes over a chunk batch by batch, in calls of about half a second; learns from each batch when `learn`."""
        work = self._learn if learn else self._judge
        start = 0
        while start < len(chunk):
            part = chunk[start : start + self._steps[learn] * self._batch_size]
            began = perf_counter()
            loss, values = work(*part.arrays)
            yield Seen(part.labels, values.numpy(), float(loss) * self._head.loss_unit)
            if perf_counter() - began < CALL_SECONDS / 2 and len(part) == self._steps[learn] * self._batch_size:
                self._steps[learn] *= 2
            start += len(part)

    def _learn_steps(self, *arrays: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return self._over_batches(self._learn_step, arrays)

    def _judge_steps(self, *arrays: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return self._over_batches(self._judge_step, arrays)

    def _over_batches(self, step: Any, arrays: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, tf.Tensor]:
        size, labels = self._batch_size, arrays[2]
        batches = (tf.shape(labels)[0] + size - 1) // size

        def one(batch: tf.Tensor, total: tf.Tensor, seen: tf.TensorArray) -> tuple[Any, Any, Any]:
            rows = slice(batch * size, (batch + 1) * size)
            losses, values = step(*(array[rows] for array in arrays))
            return batch + 1, total + tf.reduce_sum(tf.cast(losses, tf.float64)), seen.write(batch, values)

        values = tf.TensorArray(tf.float32, batches, element_shape=[None], infer_shape=False)
        start = (tf.constant(0), tf.constant(0.0, tf.float64), values)
        _, total, values = tf.while_loop(lambda batch, *_: batch < batches, one, start, parallel_iterations=1)
        return total, values.concat()

    def _learn_step(
        self, floats: tf.Tensor, ids: tf.Tensor, labels: tf.Tensor, *tensors: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        rows = tf.cast(tf.shape(labels)[0], tf.float32)
        gradients, losses, seen = [], [], []
        for part in self._shared_out(labels):
            with tf.GradientTape() as tape:
                inputs = self._packing.unpack(floats[part], ids[part], *(tensor[part] for tensor in tensors))
                outputs = self._network.learns(inputs, training=True)
                losses.append(row_losses(self._head, labels[part], outputs))
                penalties = tf.add_n([tf.zeros([]), *self._network.learns.losses]) / self._parts
                objective = tf.reduce_sum(losses[-1]) / rows + penalties
            gradients.append(tape.gradient(objective, self._weights))
            seen.append(self._head.seen(labels[part], _of_members(outputs, 3)))
        self._optimizer.apply([_sum(of_parts) for of_parts in zip(*gradients, strict=True)], self._weights)
        return tf.concat(losses, 0), tf.concat(seen, 0)

    def _judge_step(
        self, floats: tf.Tensor, ids: tf.Tensor, labels: tf.Tensor, *tensors: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        losses, seen = [], []
        for part in self._shared_out(labels):
            inputs = self._packing.unpack(floats[part], ids[part], *(tensor[part] for tensor in tensors))
            outputs = self._network.answers(inputs, training=False)
            losses.append(self._judging.losses(labels[part], outputs))
            seen.append(self._head.seen(labels[part], outputs))
        return tf.concat(losses, 0), tf.concat(seen, 0)

    def _shared_out(self, labels: tf.Tensor) -> list[slice]:
        """Returns the rows of each part of a batch."""
        if self._parts == 1:
            return [slice(None)]
        bounds = [tf.shape(labels)[0] * part // self._parts for part in range(self._parts + 1)]
        return [slice(*pair) for pair in itertools.pairwise(bounds)]

    @property
    def variables(self) -> list[Any]:
        """All that training changes: weights, normalisation, random states, the optimiser's memory."""
        return [*self._network.learns.variables, *self._optimizer.variables]

    @property
    def model_variables(self) -> list[Any]:
        """What belongs to the model alone."""
        return list(self._network.learns.variables)


def row_losses(head: Head, labels: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """Returns the loss of each row [batch] by what learns: where members answer apart, the mean over them."""
    return _of_members(head.losses(beside(labels, outputs), outputs), 2)


def _of_members(values: tf.Tensor, rank: int) -> tf.Tensor:
    """Returns the mean over the members of what has so many axes with them."""
    return tf.reduce_mean(values, axis=1) if values.shape.rank == rank else values


def _sum(gradients: tuple[Any, ...]) -> Any:
    """Returns the sum of the parts' gradients of one weight; those of a few rows of a table stay so."""
    if len(gradients) == 1 or gradients[0] is None:
        return gradients[0]
    if isinstance(gradients[0], tf.IndexedSlices):
        values = tf.concat([one.values for one in gradients], 0)
        rows = tf.concat([one.indices for one in gradients], 0)
        return tf.IndexedSlices(values, rows, gradients[0].dense_shape)
    return tf.add_n(gradients)


def values_of(variables: list[Any]) -> list[Numbers]:
    """Returns copies of the values."""
    return [np.array(variable.numpy()) for variable in variables]


def assign(variables: list[Any], values: list[Numbers]) -> None:
    """Puts values back."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
