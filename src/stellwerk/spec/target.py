"""`target`: what the model predicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from stellwerk.columns import FUTURE
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


MEDIAN = 0.5


class Target(Section):
    """The column the model predicts, and what kind of thing it is."""

    EXAMPLE: ClassVar[str] = """\
target: {column: late, type: binary}
"""

    column: str
    """Column with the true answer. Never an input of the model."""
    type: TaskName
    """binary: two values; multiclass: several names; regression: a quantity; multilabel: any number of names a row; forecast: the next values of a series, with `data.windows` or from lists."""
    positive: str | int | None = None
    """binary: the value that counts as positive; by default the larger one (1 of 0/1, true of false, yes of no)."""

    separator: Annotated[str, Field(min_length=1)] = "|"
    """multilabel: what stands between the labels of a row in a text, e.g. "|" of Comedy|Drama; in a column of lists nothing does."""
    vocabulary: Annotated[int, Field(ge=2)] | None = None
    """multilabel: how many labels to keep, the most frequent first; by default all of them, up to 1,000."""
    min_count: Annotated[int, Field(ge=1)] = 1
    """multilabel: labels of fewer rows than this are left out, as if no row had them."""

    quantiles: Annotated[tuple[Annotated[float, Field(gt=0, lt=1)], ...], Field(min_length=3)] | None = None
    """forecast: quantiles of each value beside the median, e.g. [0.1, 0.5, 0.9]; an odd number of them, rising, with 0.5 in the middle. They are learned by the pinball loss."""
    loss: Literal["huber", "mae"] | None = None
    """forecast, without quantiles: what is made small; huber (the default) minds large errors less than their square, mae less again."""
    season: Annotated[int, Field(ge=2)] | None = None
    """forecast: steps after which the series repeats, for the seasonal baseline; by default what the train split shows."""

    @property
    def past_column(self) -> str:
        """forecast: the column with the values before those that are to be forecast."""
        return self.column.removesuffix(FUTURE)

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

    @model_validator(mode="after")
    def _lists_only(self) -> Target:
        wrong = [key for key in ("quantiles", "loss", "season") if self.changed(key)]
        if wrong and not self.about.many:
            types = named_where(lambda task: task.many)
            raise Contradiction(*(((key,), f"is for type: {types}. Received: type: {self.type}") for key in wrong))
        return self

    @model_validator(mode="after")
    def _labels_only(self) -> Target:
        wrong = [key for key in ("separator", "vocabulary", "min_count") if self.changed(key)]
        if wrong and not self.about.several:
            types = named_where(lambda task: task.several)
            raise Contradiction(*(((key,), f"is for type: {types}. Received: type: {self.type}") for key in wrong))
        return self

    @model_validator(mode="after")
    def _quantiles_have_a_middle(self) -> Target:
        if self.quantiles is None:
            return self
        if list(self.quantiles) != sorted(set(self.quantiles)) or self.quantiles[len(self.quantiles) // 2] != MEDIAN:
            given = ", ".join(f"{one:g}" for one in self.quantiles)
            raise Contradiction(
                (("quantiles",), f"must rise, with 0.5 in the middle, e.g. [0.1, 0.5, 0.9]. Received: {given}")
            )
        if self.changed("loss"):
            raise Contradiction((("loss",), "is that of quantiles where there are some. Remove loss or quantiles"))
        return self
