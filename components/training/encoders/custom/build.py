"""`encoder: file.py:function`: any layers, from a user's own function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from stellwerk.components.artifacts.hooks import load_hook
from stellwerk.components.artifacts.limits import limited
from stellwerk.components.forms.base import ModelInput
from stellwerk.components.training.encoders.custom.keys import CustomEncoder
from stellwerk.components.training.networks.cost import Cost
from stellwerk.components.training.networks.custom.build import line_of
from stellwerk.errors import HookError


def encode(
    settings: CustomEncoder, items: Sequence[ModelInput], tensors: Mapping[str, Any], hooks: Mapping[str, str]
) -> Any:
    """Returns what the function makes of the Keras inputs of the feature, which it is given by name; see `Form` for what they are.

    Raises HookError where it raises, or returns anything but a Keras tensor [batch, n].
    """
    where = f"features.{items[0].feature}.encoder: {settings.encode}"
    function = load_hook(hooks, settings.encode)
    given = {item.name: tensors[item.name] for item in items}
    try:
        with limited(where):
            made = function(given, **settings.parameters)
    except HookError:
        raise
    except (Exception, SystemExit) as error:
        line = line_of(error, settings.encode.rpartition(":")[0])
        raise HookError(
            f"{where}{line} raised {type(error).__name__}: {error}. It was called with the inputs {', '.join(given)} "
            f"and the parameters {', '.join(settings.parameters) or 'none'}."
        ) from error
    shape = tuple(made.shape) if isinstance(made, keras.KerasTensor) else type(made).__name__
    if not isinstance(shape, tuple) or len(shape) != 2 or shape[1] is None:
        raise HookError(
            f"{where} returned {shape}. It must return a Keras tensor [batch, n] with a known n: pool or flatten it."
        )
    return keras.ops.cast(made, "float32")


def width(settings: CustomEncoder, items: Sequence[ModelInput]) -> int | None:  # noqa: ARG001 - every encoder is asked alike
    """Returns nothing: what a function will build is not known before it has."""
    return None


def cost(settings: CustomEncoder, items: Sequence[ModelInput]) -> Cost | None:  # noqa: ARG001 - every encoder is asked alike
    """Returns nothing, as `width` does."""
    return None
