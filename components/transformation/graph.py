"""The transform graph as TFT keeps it: traced, saved, and applied to batches of Examples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform import impl_helper

from stellwerk.components.transformation.columns import DTYPES
from stellwerk.components.transformation.plan import Plan, PreprocessingFn


def write_graph(plan: Plan, preprocessing_fn: PreprocessingFn, folder: Path) -> None:
    """Writes what `tft.TFTransformOutput` reads: all that had to be measured is already in `preprocessing_fn`."""
    specs = {name: tf.io.FixedLenFeature([], DTYPES[kind]) for name, kind in plan.all_inputs.items()}
    impl_helper.analyze_in_place(preprocessing_fn, False, specs, plan.specs(), str(folder))


def load_graph(plan: Plan, folder: Path) -> Callable[[dict[str, tf.Tensor]], dict[str, Any]]:
    """Returns the saved graph as a function from raw columns, each [batch], to transformed columns and the label."""
    layer = tft.TFTransformOutput(str(folder)).transform_features_layer()

    @tf.function(input_signature=[plan.specs()])
    def apply(inputs: dict[str, tf.Tensor]) -> dict[str, Any]:
        transformed: dict[str, Any] = layer(inputs)
        return transformed

    traced: Callable[[dict[str, tf.Tensor]], dict[str, Any]] = apply.get_concrete_function()
    return traced
