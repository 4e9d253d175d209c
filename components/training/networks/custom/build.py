"""`build: model.py:fn`: any Keras model, from a user's own function."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from stellwerk.components.artifacts.hooks import load_hook
from stellwerk.components.artifacts.limits import limited
from stellwerk.components.forms.base import ModelInput
from stellwerk.components.training.networks.body import Body, Inputs
from stellwerk.components.training.networks.cost import Cost
from stellwerk.components.training.networks.custom.keys import CustomModel
from stellwerk.errors import HookError


def build(architecture: CustomModel, inputs: Inputs, units: int, hooks: Mapping[str, str]) -> Body | Any:
    """Calls the user's function with the Keras inputs by name and the parameters.

    The inputs are as `features.json` declares them: numbers float32 [batch], vectors float32 [batch, width], ids int32
    [batch], tokens int32 [batch, length], tensors float32, int64 or uint8 [batch, ...]. The function returns

    - a Keras tensor [batch, n]: the last layer (sigmoid, softmax or linear) is put on it; or
    - a whole `keras.Model` over (some of) these inputs, whose output is [batch, units]: probabilities of the positive
      class (units 1) or of each class, or for regression the quantity itself. Nothing is put on it.

    Raises HookError for anything else.
    """
    function = load_hook(hooks, architecture.build)
    try:
        with limited(f"model.build: {architecture.build}"):
            made = function(dict(inputs.tensors), **architecture.parameters)
        if isinstance(made, keras.Model):
            return _whole(architecture, made, inputs, units)
    except HookError:
        raise
    except (Exception, SystemExit) as error:
        line = _line(error, architecture.build.rpartition(":")[0])
        raise HookError(
            f"model.build: {architecture.build}{line} raised {type(error).__name__}: {error}. "
            f"It was called with the inputs {', '.join(inputs.tensors)} and the parameters "
            f"{', '.join(architecture.parameters) or 'none'}."
        ) from error
    return Body(_hidden(architecture, made))


def cost(architecture: CustomModel, inputs: Sequence[ModelInput], rows: int) -> Cost | None:  # noqa: ARG001 - every network is asked alike
    """Returns nothing: what a function will build is not known before it has."""
    return None


def _line(error: BaseException, path: str) -> str:
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


def _whole(architecture: CustomModel, made: Any, inputs: Inputs, units: int) -> Any:
    own = {id(tensor) for tensor in inputs.tensors.values()}
    ours = bool(getattr(made, "inputs", None)) and all(id(tensor) in own for tensor in made.inputs)
    outputs = made.outputs[0] if ours and len(made.outputs) == 1 else made(dict(inputs.tensors))
    shape = tuple(getattr(outputs, "shape", ()))
    if shape != (None, units):
        raise HookError(
            f"model.build: the model of {architecture.build} gives an output of shape {shape or type(outputs).__name__}, "
            f"and this target needs ({None}, {units}). Return the tensor before the last layer to have it added."
        )
    return keras.Model(inputs.tensors, outputs, name=made.name)
