"""`build: model.py:fn`: any Keras model, from a user's own function."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from stellwerk.components.artifacts.hooks import load_hook
from stellwerk.components.artifacts.limits import limited
from stellwerk.components.forms.base import ModelInput
from stellwerk.components.training.encoders.finding import by_feature, encoded_feature
from stellwerk.components.training.networks.body import Body, Inputs
from stellwerk.components.training.networks.cost import Cost
from stellwerk.components.training.networks.custom.keys import CustomModel
from stellwerk.errors import HookError


def build(architecture: CustomModel, inputs: Inputs, units: int, hooks: Mapping[str, str]) -> Body | Any:
    """Calls the user's function with the Keras inputs by name and the parameters.

    A feature with an encoder is what that makes of it, float32 [batch, n]. All others are as `features.json` declares them: numbers float32 [batch], vectors float32 [batch, width], ids int32
    [batch], tokens int32 [batch, length], tensors float32, int64 or uint8 [batch, ...]. The function returns

    - a Keras tensor [batch, n]: the last layer (sigmoid, softmax or linear) is put on it; or
    - a whole `keras.Model` over (some of) these inputs, whose output is [batch, units]: probabilities of the positive
      class (units 1) or of each class, or for regression the quantity itself. Nothing is put on it.

    Raises HookError for anything else.
    """
    function, given = load_hook(hooks, architecture.build), _given(inputs)
    try:
        with limited(f"model.build: {architecture.build}"):
            made = function(given, **architecture.parameters)
        if isinstance(made, keras.Model):
            return _whole(architecture, made, inputs, given, units)
    except HookError:
        raise
    except (Exception, SystemExit) as error:
        line = line_of(error, architecture.build.rpartition(":")[0])
        raise HookError(
            f"model.build: {architecture.build}{line} raised {type(error).__name__}: {error}. "
            f"It was called with the inputs {', '.join(given)} and the parameters "
            f"{', '.join(architecture.parameters) or 'none'}."
        ) from error
    return Body(_hidden(architecture, made))


def cost(architecture: CustomModel, inputs: Sequence[ModelInput], rows: int) -> Cost | None:  # noqa: ARG001 - every network is asked alike
    """Returns nothing: what a function will build is not known before it has."""
    return None


def line_of(error: BaseException, path: str) -> str:
    """Returns the last line of a user's file that an error came through, for a sentence."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    return f" (line {lines[-1]})" if lines else ""


def _hidden(architecture: CustomModel, made: Any) -> Any:
    if not isinstance(made, keras.KerasTensor):
        raise HookError(
            f"model.build: {architecture.build} returned {type(made).__name__}. "
            "Return the Keras tensor before the last layer, or a whole keras.Model."
        )
    shape = tuple(made.shape)
    if len(shape) != 2 or shape[1] is None:
        raise HookError(
            f"model.build: {architecture.build} returned a tensor of shape {shape}. "
            "The last layer needs [batch, n] with a known n: flatten or pool the tensor first."
        )
    return made


def _given(inputs: Inputs) -> dict[str, Any]:
    """Returns the inputs by name, and in the place of those of a feature with an encoder what that makes of them, by the feature's name."""
    given = {item.name: inputs.seen[item.name] for item in inputs.described if item.encoder is None}
    for feature, items in by_feature(inputs.described).items():
        given[feature] = encoded_feature(items, inputs.seen, inputs.hooks)
    return given


def _whole(architecture: CustomModel, made: Any, inputs: Inputs, given: Mapping[str, Any], units: int) -> Any:
    own = {id(tensor) for tensor in inputs.tensors.values()}
    ours = bool(getattr(made, "inputs", None)) and all(id(tensor) in own for tensor in made.inputs)
    outputs = made.outputs[0] if ours and len(made.outputs) == 1 else made(dict(given))
    shape = tuple(getattr(outputs, "shape", ()))
    if shape != (None, units):
        raise HookError(
            f"model.build: the model of {architecture.build} gives an output of shape {shape or type(outputs).__name__}, "
            f"and this target needs ({None}, {units}). Return the tensor before the last layer to have it added."
        )
    return keras.Model(inputs.tensors, outputs, name=made.name)
