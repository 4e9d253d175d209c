"""The moments that forecasts are for, written as the file writes its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from stellwerk.tables.grids import Array, ahead


def moments_ahead(pasts: Sequence[Array], orders: pa.Array, step: float, steps: int) -> list[pa.Array]:
    """Returns a column for each of the next `steps`, behind the moments of each row's past; `orders` has the last ones as the file has them."""
    kind = orders.type
    texts = orders.to_pylist() if pa.types.is_string(kind) else [""] * len(orders)
    said = [_is_moment(kind, text) for text in texts]
    found = np.array([ahead(past, step, steps, by_calendar=moment) for past, moment in zip(pasts, said, strict=True)])
    if not pa.types.is_string(kind):
        return [_typed(found[:, at], kind) for at in range(steps)]
    return [
        pa.array([_written(value, *one) for value, *one in zip(found[:, at], texts, said, strict=True)])
        for at in range(steps)
    ]


def _is_moment(kind: pa.DataType, text: str) -> bool:
    return pa.types.is_timestamp(kind) or pa.types.is_date(kind) or (bool(text) and not _is_number(text))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def moment_type(kind: pa.DataType) -> pa.DataType:
    """Returns the type of moments ahead for that of the order: dates may get a time."""
    if pa.types.is_string(kind) or pa.types.is_timestamp(kind):
        return kind
    return pa.timestamp("s") if pa.types.is_date(kind) else pa.float64() if pa.types.is_floating(kind) else pa.int64()


def _typed(values: Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        seconds = pa.array(np.rint(values).astype(np.int64)).cast(pa.timestamp("s"))
        return seconds.cast(pa.timestamp(kind.unit)).cast(kind) if pa.types.is_timestamp(kind) else seconds
    return pa.array(values if pa.types.is_floating(kind) else np.rint(values).astype(np.int64))


def _written(value: float, like: str, moment: bool) -> str:
    """Returns a moment as the file writes its own: a number, a date, a date with a time, in UTC where the file names a zone."""
    if not moment:
        return f"{value:.15g}"
    at = np.datetime64(round(value), "s").item()
    if len(like.strip()) <= len("2024-01-01") and not (at.hour or at.minute or at.second):
        return f"{at:%Y-%m-%d}"
    zone = "Z" if like.strip()[19:].lstrip(".0123456789") else ""
    return f"{at:%Y-%m-%d}{'T' if 'T' in like else ' '}{at:%H:%M:%S}{zone}"
