"""`model`: the network. A new one is a package with its keys and its layers, and a line in `NETWORKS`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from stellwerk.families import Family
from stellwerk.plugged import tagged
from stellwerk.section import Section

NETWORKS = Family(
    "networks",
    "network",
    {
        "ensemble": "stellwerk.components.training.networks.ensemble",
        "dense": "stellwerk.components.training.networks.dense",
        "wide_deep": "stellwerk.components.training.networks.wide_deep",
        "attention": "stellwerk.components.training.networks.attention",
        "custom": "stellwerk.components.training.networks.custom",
    },
    parts={"keys": ("KEYS",), "build": ("build", "cost")},
)
"""Networks by the name that `model.type` gives them: packages, see `stellwerk.components.training.networks`."""


def _build_needs_no_type(value: Any) -> Any:
    if isinstance(value, Mapping) and "build" in value and "type" not in value:
        return {"type": "custom", **value}
    return value


if TYPE_CHECKING:

    class Model(Section):
        """The section of whichever network it is."""

        type: str
else:
    Model = tagged(NETWORKS, "type", _build_needs_no_type)


def usual() -> Model:
    """Returns the section of a spec that has none."""
    section: Model = NETWORKS.part("ensemble", "keys").KEYS(type="ensemble")
    return section
