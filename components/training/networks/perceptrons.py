"""What the keys of all perceptrons are made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

Units = Annotated[int, Field(ge=1)]
Activation = Literal["relu", "gelu", "selu", "silu", "tanh"]
