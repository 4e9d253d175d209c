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
    must = (
        "It must return one dense tensor: float32 [batch] or [batch, width], int64 ids [batch], "
        "or numbers in a fixed shape [batch, ...]: float32, int64 or uint8."
    )
    if not isinstance(made, tf.Tensor):
        raise HookError(f"{where} returned {type(made).__name__}. {must}")
    shape = made.shape.as_list() if made.shape.rank else [None, None]
    numbers = made.dtype.is_floating or made.dtype.is_integer or made.dtype == tf.bool
    if None in shape[1:] or not numbers:
        raise HookError(f"{where} returned {made.dtype.name} {made.shape}. {must}")
    if feature.size is not None and (made.dtype.is_floating or len(shape) > 1):
        raise HookError(
            f"{where} returned {made.dtype.name} {made.shape}, but features.{name}.size is for ids. Return int64 ids [batch]."
        )
    return _many(name, made) if len(shape) > 1 else _single(name, feature, made, where)


def _single(name: str, feature: Custom, made: tf.Tensor, where: str) -> outputs.Output:
    if made.dtype.is_floating or made.dtype == tf.bool:
        return outputs.number(name, name, made)
    if feature.size is None:
        raise HookError(f"{where} returned ids, but features.{name} has no `size`: say how many ids there are.")
    return outputs.ids(name, name, made, feature.size, embedding=feature.embedding)


def _many(name: str, made: tf.Tensor) -> outputs.Output:
    """Returns several values a row: floats in a row are packed beside other numbers, anything else is an array of its own."""
    if made.dtype.is_floating and made.shape.rank == 2:
        return outputs.vector(name, name, made, made.shape[1])
    if made.dtype.is_floating:
        return outputs.tensor(name, name, made, "float32")
    return outputs.tensor(name, name, made, "uint8" if made.dtype in (tf.uint8, tf.bool) else "int64")


def _shown(given: dict[str, tf.Tensor]) -> str:
    return ", ".join(f"{column}: {tensor.dtype.name} [batch]" for column, tensor in given.items())
