"""`features.json` as typed values: what the model sees, what the label is, and what the served model takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stellwerk.components.artifacts.examples import LABEL
from stellwerk.components.artifacts.folders import read_json
from stellwerk.components.forms.base import ModelInput
from stellwerk.components.training.encoders.finding import with_encoders
from stellwerk.encoders.choosing import Encoding


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
    windows: dict[str, Any]
    """How the examples were made of rows (`data.windows`, with its step); nothing where they are rows."""
    examples_version: str
    schema_digest: str

    @classmethod
    def read(cls, transform_graph: Path) -> Description:
        """Reads it from a TransformGraph artifact. Raises StepFailed for an input of a form that nobody knows."""
        values = read_json(transform_graph / "features.json")
        label = values["label"]
        return cls(
            inputs=tuple(map(ModelInput.of, values["features"])),
            label=label.get("output", LABEL),
            classes=tuple(label.get("classes") or ()),
            raw=dict(values["inputs"]),
            unread=dict(values.get("unread") or {}),
            windows=dict(values.get("windows") or {}),
            examples_version=values["examples_version"],
            schema_digest=values["schema_digest"],
        )

    def encoded_by(self, encoding: Mapping[str, Encoding]) -> Description:
        """Returns it with the encoder of each input. Raises StepFailed for one that cannot read its feature."""
        return replace(self, inputs=with_encoders(self.inputs, encoding)) if encoding else self
