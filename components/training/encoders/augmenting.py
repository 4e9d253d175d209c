"""Layers that vary pictures while a network learns, and leave them as they are in the model that is judged and served."""

from __future__ import annotations

from typing import Any

import keras

from stellwerk.encoders.augment import Augment

BRIGHTEST = 255.0
"""Of uint8, in which pictures come."""
FLIPS = {"horizontal": "horizontal", "vertical": "vertical", "both": "horizontal_and_vertical"}


class Noise(keras.layers.Layer):  # type: ignore[misc]
    """Adds noise to each pixel while a network learns. Keras' own takes values of 0 to 1 only."""

    def __init__(self, part: float, **named: Any) -> None:
        """`part` of the range is the standard deviation."""
        super().__init__(**named)
        self._deviation, self._seeds = BRIGHTEST * part, keras.random.SeedGenerator()

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Returns the pictures, with noise in training."""
        if not training:
            return inputs
        return inputs + keras.random.normal(keras.ops.shape(inputs), stddev=self._deviation, seed=self._seeds)


def augmented(settings: Augment, pictures: Any, name: str) -> Any:
    """Returns pictures uint8 [batch, height, width, channels] as float32 of the same range, in training varied at random."""
    values = keras.ops.cast(pictures, "float32")
    for layer in _layers(settings, name):
        values = layer(values)
    return values


def _layers(settings: Augment, name: str) -> list[Any]:
    """Returns the layers that are asked for: places first, then values."""
    layers, whole = keras.layers, (0.0, BRIGHTEST)
    made: dict[str, Any] = {
        "flip": lambda how, **named: layers.RandomFlip(FLIPS[how], **named),
        "translate": lambda part, **named: layers.RandomTranslation(part, part, **named),
        "rotate": layers.RandomRotation,
        "zoom": lambda part, **named: layers.RandomZoom((-part, part), **named),
        "contrast": lambda part, **named: layers.RandomContrast(part, value_range=whole, **named),
        "brightness": lambda part, **named: layers.RandomBrightness(part, value_range=whole, **named),
        "noise": Noise,
        "randaugment": lambda part, **named: layers.RandAugment(value_range=whole, factor=part, **named),
    }
    said = settings.model_dump(exclude_none=True)
    return [make(said[key], name=f"{name}_{key}") for key, make in made.items() if key in said]
