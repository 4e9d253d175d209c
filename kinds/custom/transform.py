"""`transform: features.py:fn`: a user's own function, inside the same graph."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from stellwerk.errors import HookError
from stellwerk.kinds import outputs
from stellwerk.kinds.columns import Columns
from stellwerk.kinds.custom.keys import Custom
from stellwerk.kinds.transforming import Asked, Known, each


def measured(name: str, feature: Custom, columns: Columns) -> dict[str, Asked]:  # noqa: ARG001 - every feature is asked alike
    """Asks for nothing: the function's own TFT analysers are run by TFT."""
    return {}


@each
def transform(name: str, feature: Custom, columns: Columns, known: Known) -> list[outputs.Output]:
    """Returns what the function makes of its columns (numbers as float32 with NaN for missing, texts as strings)."""
    given = {column: columns.natural(column) for column in feature.columns_of(name)}
    where = f"features.{name}.transform: {feature.transform}"
    try:
        made = known.call(where, feature.transform, given)
    except HookError:
        raise
    except (Exception, SystemExit) as error:
        raise HookError(
            f"{where} failed: {type(error).__name__}: {error}. It was called with {_shown(given)}."
        ) from error
    return [_checked(name, feature, made, where)]


def _checked(name: str, feature: Custom, made: Any, where: str) -> outputs.Output:
    must = "It must return one dense tensor: float32 [batch] or [batch, width], or int64 ids [batch]."
    if not isinstance(made, tf.Tensor):
        raise HookError(f"{where} returned {type(made).__name__}. {must}")
    rank = made.shape.rank
    if made.dtype.is_integer or made.dtype == tf.bool:
        if rank != 1:
            raise HookError(f"{where} returned {made.dtype.name} {made.shape}. {must}")
        if made.dtype == tf.bool:
            return outputs.number(name, name, made)
        if feature.size is None:
            raise HookError(f"{where} returned ids, but features.{name} has no `size`: say how many ids there are.")
        return outputs.ids(name, name, made, feature.size, embedding=feature.embedding)
    width = made.shape[1] if rank == 2 else None
    if not made.dtype.is_floating or rank not in (1, 2) or (rank == 2 and width is None):
        raise HookError(f"{where} returned {made.dtype.name} {made.shape}. {must}")
    if feature.size is not None:
        raise HookError(f"{where} returned {made.dtype.name}, but features.{name}.size is for ids. Return int64 ids.")
    return outputs.number(name, name, made) if width is None else outputs.vector(name, name, made, width)


def _shown(given: dict[str, tf.Tensor]) -> str:
    return ", ".join(f"{column}: {tensor.dtype.name} [batch]" for column, tensor in given.items())
