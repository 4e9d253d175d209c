"""What a step found, as one artifact on Kubeflow: the dashboard draws every artifact as a box of its own.

`validation` is a folder with the artifacts of the step validate in it, each as it is everywhere else, and with what the rows
say of themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stellwerk.steps import parts

PARTS: Mapping[str, tuple[str, ...]] = parts()
"""Artifacts of the faces that hold others."""


@dataclass(frozen=True)
class Part:
    """An artifact inside another, as faces know artifacts."""

    path: str
    uri: str


def part(artifact: Any, name: str) -> Part | None:
    """Returns an artifact inside another; None inside none."""
    return None if artifact is None else Part(f"{artifact.path}/{name}", f"{artifact.uri}/{name}")


def opened(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a face's arguments with the parts of an artifact in its place."""
    found: dict[str, Any] = {}
    for name, value in arguments.items():
        inside = {each: part(value, each) for each in PARTS.get(name, ())}
        found |= inside or {name: value}
    return found
