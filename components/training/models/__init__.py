"""Networks by the name that `model.type` gives them; a new one is a module here and one line in `BUILDERS`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stellwerk.components.training.models import custom, dense, ensemble, wide_deep
from stellwerk.components.training.models.body import Body, Inputs

BUILDERS: dict[str, Callable[..., Body | Any]] = {
    "ensemble": ensemble.build,
    "dense": dense.build,
    "wide_deep": wide_deep.build,
    "custom": custom.build,
}
"""Each takes (model section, inputs, units of the output, hook files) and returns a Body or a complete Keras model."""

__all__ = ["BUILDERS", "Body", "Inputs"]
