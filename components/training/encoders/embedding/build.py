"""`encoder: embedding`: the learned vectors of words, pooled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from stellwerk.components.forms.base import ModelInput
from stellwerk.components.training.encoders.embedding.keys import Embedding
from stellwerk.components.training.encoders.steps import FAR_BELOW, pooled, steps_of
from stellwerk.components.training.networks.cost import Cost
from stellwerk.naming import safe


def encode(
    settings: Embedding,
    items: Sequence[ModelInput],
    tensors: Mapping[str, Any],
    hooks: Mapping[str, str],  # noqa: ARG001
) -> Any:
    """Returns one vector of those of the words, float32 [batch, embedding]. A text without words has the vector of padding."""
    (item,) = items
    steps = steps_of(item, tensors)
    if settings.pooling != "attention":
        return pooled(steps, steps.values, settings.pooling)
    scores = keras.layers.Dense(1, use_bias=False, name=f"{safe(item.feature or item.name)}_attention")(steps.values)
    shares = keras.ops.softmax(scores + (1.0 - steps.weights) * FAR_BELOW, axis=1)
    return keras.ops.sum(shares * steps.values, axis=1)


def width(settings: Embedding, items: Sequence[ModelInput]) -> int:  # noqa: ARG001 - every encoder is asked alike
    """Returns how wide the vector of a word is."""
    return items[0].embedding


def cost(settings: Embedding, items: Sequence[ModelInput]) -> Cost:
    """Returns what a row costs: lookups are no products."""
    return Cost(items[0].width * items[0].embedding if settings.pooling == "attention" else 0)
