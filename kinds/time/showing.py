"""Seconds since 1970 are shown as the moments that they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stellwerk.kinds.parts import Way


def way(settings: Mapping[str, Any]) -> Way:
    """Returns `moment` for a column that holds seconds since 1970: that of a feature without a format."""
    return "quantity" if settings.get("format") else "moment"
