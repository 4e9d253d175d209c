"""`type: series`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from stellwerk.columns import LISTS
from stellwerk.encoders.base import Looks
from stellwerk.kinds.base import Keys, Reads
from stellwerk.section import Contradiction


class Series(Keys):
    """Values in the order of time, as lists of one length: what `data.windows` makes of the rows, or what a file holds."""

    TAKES: ClassVar[Mapping[str, str]] = {LISTS.name: LISTS.name}
    READS: ClassVar[Reads] = "lists"
    LOOKS: ClassVar[Looks | None] = ("tensor", 2)
    EXAMPLE: ClassVar[str] = """\
features:
  load: {type: series, scale: window}
  weather: {type: series, columns: [temperature, wind], scale: train}
"""

    type: Literal["series"]
    columns: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Columns of lists of the same length, a channel each; by default the one with the feature's own name."""
    scale: Literal["window", "train", "none"] = "window"
    """window: (x - last) / deviation of each window, which a forecast undoes; train: (x - mean) / deviation of the train split; none: as it is."""
    level: bool = False
    """With `scale: window`: tells the network the last value and the deviation of the window too, on the scale of the train split. For values that return to a level; not for those that grow beyond what was seen."""

    @model_validator(mode="after")
    def _level_is_lost_in_windows_only(self) -> Series:
        if self.level and self.scale != "window":
            raise Contradiction((("level",), f"belongs to scale: window. Received: scale: {self.scale}"))
        return self

    def columns_of(self, name: str) -> tuple[str, ...]:
        """Returns the columns that the feature called `name` reads."""
        return self.columns or (name,)

    def key_of(self, position: int) -> tuple[str | int, ...]:
        """Returns the key with the column, where it is written."""
        return ("columns", position) if self.columns else ()


KEYS = Series
