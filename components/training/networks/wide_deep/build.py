"""`type: wide_deep`: Wide & Deep (Cheng et al., 2016, arXiv:1606.07792)."""

from __future__ import annotations

from collections.abc import Mapping

from stellwerk.components.training.networks.body import Body, Inputs
from stellwerk.components.training.networks.dense.build import cost, perceptron
from stellwerk.components.training.networks.encoding import encoded, linear
from stellwerk.components.training.networks.wide_deep.keys import WideDeep

__all__ = ["build", "cost"]


def build(architecture: WideDeep, inputs: Inputs, units: int, hooks: Mapping[str, str]) -> Body:  # noqa: ARG001
    """Returns hidden layers over all inputs but crosses, beside a linear model over all but words.

    The wide part learns crosses by heart, the deep part generalises over the rest; with crosses alone it sees them.
    """
    plain = inputs.only(lambda item: not item.cross)
    return Body(perceptron(architecture, encoded(plain if plain.described else inputs)), linear(inputs, units))
