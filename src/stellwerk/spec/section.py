"""What every section of a spec has in common."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

Hook = Annotated[str, StringConstraints(pattern=r"^[^:\s]+\.py:[A-Za-z_][A-Za-z0-9_]*$")]
"""A function or class in a user's own file, as `file.py:name`, relative to the spec."""

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]

Split = Literal["train", "eval", "test"]
SPLITS: tuple[Split, ...] = ("train", "eval", "test")


class Section(BaseModel):
    """A frozen part of the spec: unknown keys are refused, nothing changes after loading."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        protected_namespaces=(),
    )
