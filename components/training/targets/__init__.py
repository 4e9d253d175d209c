"""How each target type ends the network, is learned and is judged; a new type is a module and one line in `HEADS`."""

from __future__ import annotations

from stellwerk.components.training.targets.binary import Binary
from stellwerk.components.training.targets.head import Head
from stellwerk.components.training.targets.multiclass import Multiclass
from stellwerk.components.training.targets.regression import Regression

HEADS: dict[str, type[Head]] = {"binary": Binary, "multiclass": Multiclass, "regression": Regression}

__all__ = ["HEADS", "Head"]
