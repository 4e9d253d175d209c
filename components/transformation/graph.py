"""The transform graph as TFT keeps it: traced, analysed where a hook asks for it, saved, and loaded to be applied."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform import impl_helper

from stellwerk.columns import COLUMN_TYPES
from stellwerk.components.artifacts.canonical import make_canonical
from stellwerk.components.forms.base import ModelInput
from stellwerk.components.transformation.plan import Plan, PreprocessingFn
from stellwerk.environment import only_errors, register_operations
from stellwerk.naming import original, safe

Analyze = Callable[[Plan, PreprocessingFn, Path], None]


def write_graph(plan: Plan, preprocessing_fn: PreprocessingFn, folder: Path, analyze: Analyze) -> None:
    """Writes what `tft.TFTransformOutput` reads.

    What the built-in features need was measured before and is part of `preprocessing_fn`; only a hook that calls TFT's
    analysers needs another pass over the data, `analyze`, by TFT on Beam. The same plan gives the same bytes.
    """
    _write(plan, preprocessing_fn, folder, analyze)
    make_canonical(folder / "transform_fn")


def _write(plan: Plan, preprocessing_fn: PreprocessingFn, folder: Path, analyze: Analyze) -> None:
    inside = {safe(name): spec for name, spec in plan.specs().items()}
    with only_errors():  # AutoGraph warns of TensorFlow's own functions on Python 3.13
        if any(feature.hooks() for feature in plan.features.values()):
            columns = tft.get_analyze_input_columns(preprocessing_fn, inside)
            if columns:
                analyze(plan, preprocessing_fn, folder)
                return
        specs = {
            safe(name): tf.io.FixedLenFeature(known.shape, tf.as_dtype(known.dtype))
            for name, known in ((name, COLUMN_TYPES[kind]) for name, kind in plan.all_inputs.items())
        }
        impl_helper.analyze_in_place(preprocessing_fn, False, specs, inside, str(folder))


def load_graph(plan: Plan, folder: Path) -> Callable[[dict[str, tf.Tensor]], dict[str, Any]]:
    """Returns the saved graph as a function from raw columns, each [batch], to transformed columns and the label."""
    items = {name: ModelInput.of(description) for name, description in plan.outputs.items()}
    register_operations()
    layer = tft.TFTransformOutput(str(folder)).transform_features_layer()

    def apply(inputs: dict[str, tf.Tensor]) -> dict[str, Any]:
        transformed = layer({safe(name): tensor for name, tensor in inputs.items()})
        made = {original(name): tensor for name, tensor in transformed.items()}
        return {**made, **{name: item.from_graph(made[name]) for name, item in items.items()}}

    applied = tf.function(apply, input_signature=[plan.specs()], autograph=False)
    traced: Callable[[dict[str, tf.Tensor]], dict[str, Any]] = applied.get_concrete_function()
    return traced
