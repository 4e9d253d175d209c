"""`features`: of every entry its `type` says which kind's keys it has; the kinds are in `stellwerk.kinds`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stellwerk.kinds import KINDS
from stellwerk.kinds.base import Keys
from stellwerk.plugged import members, tagged


def _told_by_a_key(value: Any) -> Any:
    """Adds the type of a feature that has none but a key that only one kind has."""
    if isinstance(value, Mapping) and "type" not in value:
        for name, section in members(KINDS, "type", Keys)[0].items():
            if issubclass(section, Keys) and section.TOLD_BY and section.TOLD_BY in value:
                return {"type": name, **value}
    return value


if TYPE_CHECKING:
    Feature = Keys
else:
    Feature = tagged(KINDS, "type", _told_by_a_key, Keys)

__all__ = ["Feature"]
