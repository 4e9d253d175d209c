"""Finds what builds a network, and sees that it has every part."""

from __future__ import annotations

from typing import Any

from stellwerk.errors import PlugInError
from stellwerk.spec.model import NETWORKS

PARTS = ("build", "cost")


def builder(name: str) -> Any:
    """Returns the module with `build` and `cost` of a network.

    Raises PlugInError where the package that brings it cannot be imported or lacks a part, and UsageError where there is none.
    """
    module = NETWORKS.part(name, "build")
    for part in PARTS:
        if not callable(getattr(module, part, None)):
            raise PlugInError(NETWORKS.lacking(name, f"build.{part}"))
    return module
