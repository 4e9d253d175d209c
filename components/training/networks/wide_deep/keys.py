"""`type: wide_deep`: its section of the spec."""

from __future__ import annotations

from typing import ClassVar, Literal

from stellwerk.components.training.networks.dense.keys import Dense


class WideDeep(Dense):
    """Wide & deep (Cheng et al., 2016): a linear model over ids and crosses beside a multilayer perceptron."""

    EXAMPLE: ClassVar[str] = """\
model: {type: wide_deep, hidden: [128, 64]}
"""

    type: Literal["wide_deep"]  # type: ignore[assignment]


KEYS = WideDeep
