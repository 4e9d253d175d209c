"""What a spec says of a feature, whichever kind it is, and what else can be told of it without its data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from stellwerk.section import Section

Reads = Literal["numbers", "whole", "found"]


class Keys(Section):
    """The keys of one feature. Each kind has a class of its own, with `type: Literal["..."]`, its name."""

    TAKES: ClassVar[Mapping[str, str]]
    """Types of columns of Examples that it can be made from, and the type in which each enters the model: what a client sends."""
    READS: ClassVar[Reads] = "found"
    """How its columns are read: `numbers`, so that a text which is none stops the run; numbers `whole`, as they are names or moments; as they are `found`."""
    GROUPS: ClassVar[bool] = False
    """Whether rows with the same value make a group that is worth an evaluation of its own."""
    TOLD_BY: ClassVar[str] = ""
    """A key of its own by which a feature without `type` is known to be of this kind."""

    if TYPE_CHECKING:
        type: str

    def columns_of(self, name: str) -> tuple[str, ...]:
        """Returns the columns that the feature called `name` reads."""
        raise NotImplementedError(f"{type(self).__name__} does not say which columns a feature reads")

    def key_of(self, position: int) -> tuple[str | int, ...]:  # noqa: ARG002 - asked of every kind alike
        """Returns the keys below the feature where the column at `position` of `columns_of` is written; none where it is its name."""
        return ()

    def hooks(self) -> Mapping[str, str]:
        """Returns the functions of the user's own that it names (`file.py:function`), by the key that does. They may call TFT's analysers."""
        return {}


class SingleColumn(Keys):
    """A feature made from one column."""

    column: str | None = None
    """Column it is made from; by default the one with the feature's own name."""

    def columns_of(self, name: str) -> tuple[str, ...]:
        """Returns the column that the feature called `name` reads."""
        return (self.column or name,)

    def key_of(self, position: int) -> tuple[str | int, ...]:  # noqa: ARG002 - there is one
        """Returns the key with the column, where it is written."""
        return ("column",) if self.column else ()
