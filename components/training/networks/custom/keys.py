"""`build: model.py:build`: its section of the spec."""

from __future__ import annotations

from typing import ClassVar, Literal

from stellwerk.section import Hook, Section


class CustomModel(Section):
    """Any Keras model, from a user's own function."""

    TAKES_INPUTS_AS_THEY_ARE: ClassVar[bool] = True
    """Its function is given what features are, but for those that name an encoder: none has the default of its kind."""
    EXAMPLE: ClassVar[str] = """\
model: {build: model.py:build, parameters: {layers: 3}}
"""

    type: Literal["custom"] = "custom"
    build: Hook
    """`file.py:function`; called with the Keras inputs of the features by name and `parameters`, returns the tensor before the last layer, or a whole `keras.Model`."""
    parameters: dict[str, bool | int | float | str | tuple[int, ...] | tuple[float, ...] | tuple[str, ...]] = {}
    """Keyword arguments for the function."""


KEYS = CustomModel
