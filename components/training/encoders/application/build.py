"""`encoder: {type: application, name: ...}`: a network of keras.applications without its last layer."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from stellwerk.components.forms.base import ModelInput
from stellwerk.components.training.encoders.application.keys import Application
from stellwerk.components.training.networks.cost import Cost
from stellwerk.errors import StepFailed
from stellwerk.naming import safe

REFERENCE = 224 * 224
"""Pixels of the pictures of which `Known.products` speaks."""
DEVIATIONS = (0.229, 0.224, 0.225)
"""Of the colours of ImageNet's pictures. Published weights of EfficientNet have them where Keras' layer takes variances."""


def encode(
    settings: Application,
    items: Sequence[ModelInput],
    tensors: Mapping[str, Any],
    hooks: Mapping[str, str],  # noqa: ARG001 - every encoder is asked alike
) -> Any:
    """Returns the mean or maximum over the pixels that are left, float32 [batch, filters]. Pixels of the picture are 0 to 255.

    Raises StepFailed where the file of weights is that of another network, or none.
    """
    (item,) = items
    name = safe(item.feature or item.name)
    network = _network(settings, item, name)
    pixels = keras.ops.cast(tensors[item.name], "float32")
    if item.shape[2] == 1:
        pixels = keras.layers.Concatenate(name=f"{name}_in_colours")([pixels, pixels, pixels])
    vector = network(_module(settings).preprocess_input(pixels))
    if settings.learns == "none":
        vector = keras.ops.stop_gradient(vector)
    return keras.layers.Dropout(settings.dropout, name=f"{name}_dropout")(vector) if settings.dropout else vector


def width(settings: Application, items: Sequence[ModelInput]) -> int:  # noqa: ARG001 - every encoder is asked alike
    """Returns how many numbers a row has in what `encode` gives."""
    return settings.known.width


def cost(settings: Application, items: Sequence[ModelInput]) -> Cost:
    """Returns what a row costs; batch normalisation that learns takes the mean and deviation of the whole batch."""
    height, across, _ = items[0].shape
    products = round(settings.known.products * 1e6 * height * across / REFERENCE)
    return Cost(products, whole_batches=settings.known.by_batch and settings.learns != "none")


def _module(settings: Application) -> Any:
    return importlib.import_module(f"keras.applications.{settings.known.module}")


def _network(settings: Application, item: ModelInput, name: str) -> Any:
    """Returns the network with its weights, and says of its layers which learn."""
    network = getattr(keras.applications, settings.name)(
        include_top=False,
        weights=None,
        input_shape=(*item.shape[:2], 3),
        pooling={"mean": "avg", "max": "max"}[settings.pooling],
        name=f"{name}_{settings.name.lower()}",
    )
    if settings.weights is not None:
        _load(network, settings, f"features.{item.feature}.encoder.weights")
    weighty = [layer for layer in network.layers if layer.weights]
    last = {"all": len(weighty), "none": 0}[settings.learns] if isinstance(settings.learns, str) else settings.learns
    for layer in weighty[: max(len(weighty) - last, 0)]:
        layer.trainable = False
    return network


def _load(network: Any, settings: Application, where: str) -> None:
    """Puts the weights of the file into the network: numbers only, nothing else that a file may hold is looked at."""
    file = Path(settings.weights or "")
    with warnings.catch_warnings(record=True) as left_out:
        warnings.simplefilter("always")
        try:
            network.load_weights(file)
        except Exception as error:  # whatever HDF5, a ZIP archive or Keras make of a strange file
            raise _misfit(settings, where, file, str(error)) from error
    if left_out:
        raise _misfit(settings, where, file, str(left_out[0].message))
    for layer in network.layers:
        if isinstance(layer, keras.layers.Normalization) and len(layer.weights):
            _of_deviations(layer)


def _misfit(settings: Application, where: str, file: Path, said: str) -> StepFailed:
    """Returns the error about a file of other weights; Keras says why in the second paragraph, and goes on with numbers of a weight."""
    reason = next((line for line in said.splitlines()[1:] if line.strip()), said).partition(" Target variable:")[0]
    return StepFailed(
        f"{where}: {file.name} does not fit {settings.name} without its last layer: {reason.strip().rstrip('.')}. Take a file "
        f"that keras.applications.{settings.name}(include_top=False).save_weights(...) wrote, or one whose name ends in notop.h5."
    )


def _of_deviations(layer: Any) -> None:
    """Divides by the deviations of ImageNet's colours where they stand in the place of variances, as Keras does by one layer more for weights that it downloads."""
    if np.allclose(np.ravel(layer.adapt_variance), DEVIATIONS, atol=1e-3):
        layer.adapt_variance.assign(keras.ops.square(layer.adapt_variance))
        layer.finalize_state()
