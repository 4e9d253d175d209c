"""`type: boolean`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from stellwerk.encoders.base import Looks
from stellwerk.kinds.base import SingleColumn


class Boolean(SingleColumn):
    """True or false: 0/1 numbers, or the texts true/false, yes/no, t/f, y/n, 1/0 in any case."""

    TAKES: ClassVar[Mapping[str, str]] = {"int64": "float", "float": "float", "string": "string"}
    GROUPS: ClassVar[bool] = True
    LOOKS: ClassVar[Looks | None] = ("number", 0)
    EXAMPLE: ClassVar[str] = """\
features:
  gusts: {type: boolean, missing_indicator: true}
"""

    type: Literal["boolean"]
    missing: bool = False
    """What takes the place of a missing value."""
    missing_indicator: bool = False
    """Adds a second input that is 1 where the value was missing."""


KEYS = Boolean
