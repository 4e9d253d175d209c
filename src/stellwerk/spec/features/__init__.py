"""`features`: one class per feature type; a new type is a new module and one line in `FEATURES`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from stellwerk.spec.features.boolean import Boolean
from stellwerk.spec.features.category import Category
from stellwerk.spec.features.cross import Cross
from stellwerk.spec.features.custom import Custom
from stellwerk.spec.features.number import Number
from stellwerk.spec.features.text import Text
from stellwerk.spec.features.time import Time

FEATURES = {
    "number": Number,
    "category": Category,
    "boolean": Boolean,
    "time": Time,
    "text": Text,
    "cross": Cross,
    "custom": Custom,
}


def _custom_needs_no_type(value: Any) -> Any:
    if isinstance(value, Mapping) and "transform" in value and "type" not in value:
        return {"type": "custom", **value}
    return value


if TYPE_CHECKING:
    Feature = Number | Category | Boolean | Time | Text | Cross | Custom
else:
    Feature = Annotated[
        reduce(or_, FEATURES.values()),
        Field(discriminator="type"),
        BeforeValidator(_custom_needs_no_type),
    ]

__all__ = ["FEATURES", "Boolean", "Category", "Cross", "Custom", "Feature", "Number", "Text", "Time"]
