"""Finds what builds a network, and sees that it has every part."""

from __future__ import annotations

from typing import Any

from stellwerk.spec.model import NETWORKS


def builder(name: str) -> Any:
    """Returns the module with `build` and `cost` of a network.

    Raises PlugInError where the package that brings it cannot be imported or lacks a part, and UsageError where there is none.
    """
    return NETWORKS.part(name, "build")
