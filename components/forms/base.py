"""A model's input, and what its form knows of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import pyarrow as pa

from stellwerk.components.forms import FORMS
from stellwerk.errors import StepFailed, UsageError

Array = np.ndarray[Any, Any]

COMMON = ("name", "feature", "kind", "width", "length", "size", "embedding", "cross")
"""Keys of a line of `features.json` that stand in fields of their own."""

PARTS = ("PACKED", "shape", "dtype", "stored", "read", "width", "encoded")


class Form(Protocol):
    """What every form has."""

    PACKED: Literal["floats", "ids"] | None
    """The matrix in which its values travel beside others of their type; None: an array of its own."""

    def shape(self, item: ModelInput) -> tuple[int, ...]:
        """Returns the shape of one row."""

    def dtype(self, item: ModelInput) -> str:
        """Returns the type of the network's input: float32 or int32 where it is packed."""

    def stored(self, item: ModelInput) -> pa.DataType:
        """Returns the type of the column in the transformed examples."""

    def read(self, column: pa.ChunkedArray, item: ModelInput) -> Array:
        """Returns the values of a column, [rows, ...]; their type may still be the stored one."""

    def width(self, item: ModelInput) -> int:
        """Returns how many numbers a row has in what `encoded` gives."""

    def encoded(self, items: Sequence[ModelInput], tensors: Mapping[str, Any]) -> list[Any]:
        """Returns all inputs of the form as Keras tensors float32 [batch, n]; `tensors` has the Keras inputs by name."""


@dataclass(frozen=True)
class ModelInput:
    """One input of the model. Its form says of which type and shape it is."""

    name: str
    form: str
    width: int = 1
    """Values a row: of a vector, or tokens of a text."""
    size: int = 0
    """For ids and tokens: how many ids there are."""
    embedding: int = 0
    """For ids and tokens: width of the learned vector."""
    cross: bool = False
    """Whether the id stands for several columns together."""
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """What else its line in `features.json` says: of a tensor `dtype` and `shape`."""
    feature: str = ""
    """The feature that makes it."""
    encoder: Any = field(default=None, hash=False)
    """The section of the encoder that makes a vector of its feature; None: `Form.encoded` does."""
    augment: Any = field(default=None, hash=False)
    """The section that says how training varies it, or None."""

    @classmethod
    def of(cls, line: Mapping[str, Any]) -> ModelInput:
        """Returns what a line of `features.json` describes. Raises StepFailed for a form that nobody knows."""
        made = cls(
            name=line["name"],
            form=line["kind"],
            width=line.get("length", line.get("width", 1)),
            size=line.get("size", 0),
            embedding=line.get("embedding", 0),
            cross=line.get("cross", False),
            feature=line.get("feature", ""),
            facts={key: value for key, value in line.items() if key not in COMMON},
        )
        _ = made.known
        return made

    @property
    def known(self) -> Form:
        """Its form. Raises StepFailed for one that nobody knows, or that lacks a part."""
        try:
            module: Form = FORMS.load(self.form)
        except UsageError as error:
            raise StepFailed(
                f"{self._where}is of the form '{self.form}', of which no network could make anything. {error} "
                "Install the package that the feature comes from, or change the feature."
            ) from error
        for part in PARTS:
            if not hasattr(module, part):
                raise StepFailed(f"{self._where}cannot be used. {FORMS.lacking(self.form, part)}")
        return module

    @property
    def _where(self) -> str:
        return f"{f'features.{self.feature}: ' if self.feature else ''}the model's input '{self.name}' "

    @property
    def packed(self) -> Literal["floats", "ids"] | None:
        """The matrix in which its values travel, or None."""
        return self.known.PACKED

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one row."""
        return self.known.shape(self)

    @property
    def dtype(self) -> str:
        """Type of the network's input."""
        return self.known.dtype(self)

    def from_graph(self, tensor: Any) -> Any:
        """Returns what the transform graph has of it as its form has it: the same tensor, unless the form says otherwise."""
        own = getattr(self.known, "from_graph", None)
        return tensor if own is None else own(tensor, self)

    @property
    def row_bytes(self) -> int:
        """Bytes that a row of it takes."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize
