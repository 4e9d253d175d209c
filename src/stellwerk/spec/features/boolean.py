"""`type: boolean`."""

from __future__ import annotations

from typing import ClassVar, Literal

from stellwerk.spec.features.base import SingleColumn


class Boolean(SingleColumn):
    """True or false: 0/1 numbers, or the texts true/false, yes/no, t/f, y/n, 1/0 in any case."""

    TAKES: ClassVar[tuple[str, ...]] = ("int64", "float", "string")
    """Column types of Examples that it can be made from."""
    EXAMPLE: ClassVar[str] = """\
features:
  gusts: {type: boolean, missing_indicator: true}
"""

    type: Literal["boolean"]
    missing: bool = False
    """What takes the place of a missing value."""
    missing_indicator: bool = False
    """Adds a second input that is 1 where the value was missing."""
