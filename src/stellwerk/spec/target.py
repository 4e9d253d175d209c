"""`target`: what the model predicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, model_validator

from stellwerk.errors import PlugInError
from stellwerk.section import Contradiction, Section
from stellwerk.tasks import TASKS, about, named_where
from stellwerk.tasks.parts import About


def _usable(value: Any) -> Any:
    if isinstance(value, str) and value in TASKS.plug_ins:
        try:
            TASKS.see(value)
            about(value)
        except PlugInError as error:
            raise ValueError(str(error)) from error
    return value


if TYPE_CHECKING:
    TaskName = str
else:
    TaskName = Annotated[Literal[tuple(TASKS)], BeforeValidator(_usable)]


class Target(Section):
    """The column the model predicts, and what kind of thing it is."""

    EXAMPLE: ClassVar[str] = """\
target: {column: late, type: binary}
"""

    column: str
    """Column with the true answer. Never an input of the model."""
    type: TaskName
    """binary: two values; multiclass: several names; regression: a quantity."""
    positive: str | int | None = None
    """binary: the value that counts as positive; by default the larger one (1 of 0/1, true of false, yes of no)."""

    @property
    def about(self) -> About:
        """What is to be known of its task where no framework is loaded."""
        return about(self.type)

    @model_validator(mode="after")
    def _positive_is_of_two_classes(self) -> Target:
        if self.positive is not None and not self.about.has_positive:
            types = named_where(lambda task: task.has_positive)
            raise Contradiction((("positive",), f"is for type: {types}. Received: type: {self.type}"))
        return self
