"""Layers in which vectors look at one another: of the steps of a feature, or of the features of a row."""

from __future__ import annotations

from typing import Any

import keras

INNER = 2
"""How many times as wide as a vector the layer between two dense ones is."""


class LearnedRows(keras.layers.Layer):  # type: ignore[misc]
    """Adds a learned vector to each of so many rows: [batch, rows, n] to the same."""

    def __init__(self, rows: int, **named: Any) -> None:
        super().__init__(**named)
        self._rows = rows

    def build(self, shape: tuple[int | None, int, int]) -> None:
        """Makes the vectors; the optimiser knows them as rows of a table by their name, and lets none fade."""
        small = keras.initializers.RandomNormal(stddev=0.02)
        self.embeddings = self.add_weight(shape=(self._rows, shape[-1]), initializer=small, name="embeddings")

    def call(self, inputs: Any) -> Any:
        """Returns the sums."""
        return inputs + self.embeddings


def first_of_its_own(values: Any, real: Any, name: str) -> tuple[Any, Any]:
    """Returns vectors [batch, rows, n] with a learned one before them, and which of them are there."""
    none = keras.ops.zeros_like(values[:, :1])
    first = LearnedRows(1, name=f"{name}_cls")(none)
    there = None if real is None else keras.ops.concatenate([keras.ops.ones_like(real[:, :1]), real], axis=1)
    return keras.ops.concatenate([first, values], axis=1), there


def attended(values: Any, real: Any, layers: int, heads: int, dropout: float, name: str) -> Any:  # noqa: PLR0917 - each with a name of its own
    """Returns what becomes of vectors [batch, rows, n] that look at one another; at those only that are `real` [batch, rows]."""
    width = values.shape[-1]
    mask = None if real is None else real[:, None, :]
    for place in range(1, layers + 1):
        named = f"{name}_{place}"
        seen = keras.layers.LayerNormalization(name=f"{named}_before")(values)
        look = keras.layers.MultiHeadAttention(
            heads, width // heads, dropout=dropout, flash_attention=False, name=f"{named}_attention"
        )
        values = values + look(seen, seen, attention_mask=mask)
        inner = keras.layers.LayerNormalization(name=f"{named}_between")(values)
        inner = keras.layers.Dense(INNER * width, activation="gelu", name=f"{named}_wide")(inner)
        inner = keras.layers.Dense(width, name=f"{named}_narrow")(inner)
        values = values + (keras.layers.Dropout(dropout, name=f"{named}_dropout")(inner) if dropout else inner)
    return keras.layers.LayerNormalization(name=f"{name}_after")(values)


def products_of_a_layer(rows: int, width: int) -> int:
    """Returns the multiplications of one layer of `attended` on so many vectors."""
    return int(rows * (4 + 2 * INNER) * width * width + 2 * rows * rows * width)
