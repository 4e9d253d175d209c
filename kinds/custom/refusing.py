"""What a function of the user's own made of a batch, before anything learns from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from stellwerk.errors import HookError
from stellwerk.kinds.custom.keys import Custom


def refuse(
    name: str,
    feature: Custom,
    made: Mapping[str, np.ndarray[Any, Any]],
    described: Mapping[str, Mapping[str, Any]],
    split: str,
) -> None:
    """Raises HookError for numbers that are NaN or infinite, and for ids outside of those that the spec says there are."""
    where, values = f"features.{name}.transform: {feature.transform} returned", made[name]
    if values.dtype.kind == "f":
        strange = int((~np.isfinite(values)).sum())
        if strange:
            raise HookError(
                f"{where} {strange} values that are NaN or infinite in the {split} split. Missing numbers come as "
                "NaN, missing texts as empty: fill them in."
            )
    elif (size := described[name].get("size")) and values.size and not (values.min() >= 0 and values.max() < size):
        raise HookError(
            f"{where} ids from {values.min()} to {values.max()} in the {split} split, but size: {size} means 0 to {size - 1}."
        )
