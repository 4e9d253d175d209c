"""`features.json` as typed values: what the model sees, what the label is, and what the served model takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from stellwerk.components.artifacts.examples import LABEL
from stellwerk.components.artifacts.folders import read_json

Kind = Literal["number", "vector", "id", "tokens"]


@dataclass(frozen=True)
class ModelInput:
    """One input of the model: float32 [batch] or [batch, width], or ids int32 [batch] or [batch, width]."""

    name: str
    kind: Kind
    width: int = 1
    """Values a row: of a vector, or tokens of a text."""
    size: int = 0
    """For ids and tokens: how many ids there are."""
    embedding: int = 0
    """For ids and tokens: width of the learned vector."""
    cross: bool = False
    """Whether the id stands for several columns together."""

    @property
    def is_float(self) -> bool:
        """Whether its values are quantities, not ids."""
        return self.kind in {"number", "vector"}

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one row."""
        return (self.width,) if self.kind in {"vector", "tokens"} else ()


@dataclass(frozen=True)
class Description:
    """What the transform step says about its output."""

    inputs: tuple[ModelInput, ...]
    """What the model sees, in order."""
    label: str
    """Column of the label."""
    classes: tuple[str, ...]
    """Names of the classes in the order of their ids; none where there are none."""
    raw: dict[str, str]
    """The raw columns that the served model takes, and their types."""
    unread: dict[str, dict[str, int]]
    """By feature how many `values` of the train split were there, and how many were `unread`: no moments as the spec has it."""
    examples_version: str
    schema_digest: str

    @classmethod
    def read(cls, transform_graph: Path) -> Description:
        """Reads it from a TransformGraph artifact."""
        values = read_json(transform_graph / "features.json")
        inputs = tuple(
            ModelInput(
                name=feature["name"],
                kind=feature["kind"],
                width=feature.get("length", feature.get("width", 1)),
                size=feature.get("size", 0),
                embedding=feature.get("embedding", 0),
                cross=feature.get("cross", False),
            )
            for feature in values["features"]
        )
        label = values["label"]
        return cls(
            inputs=inputs,
            label=label.get("output", LABEL),
            classes=tuple(label.get("classes") or ()),
            raw=dict(values["inputs"]),
            unread=dict(values.get("unread") or {}),
            examples_version=values["examples_version"],
            schema_digest=values["schema_digest"],
        )
