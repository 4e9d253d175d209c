"""What a spec says of a feature, whichever kind it is, and what else can be told of it without its data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import model_validator

from stellwerk.encoders.base import EncoderKeys, Looks
from stellwerk.encoders.choosing import Encoder, Encoding, usual
from stellwerk.section import Contradiction, Section

Reads = Literal["numbers", "whole", "found", "lists"]


class Keys(Section):
    """The keys of one feature. Each kind has a class of its own, with `type: Literal["..."]`, its name."""

    TAKES: ClassVar[Mapping[str, str]]
    """Types of columns of Examples that it can be made from, and the type in which each enters the model: what a client sends."""
    READS: ClassVar[Reads] = "found"
    """How its columns are read: `numbers`, so that a text which is none stops the run; numbers `whole`, as they are names or moments; as they are `found`; as `lists`, which `data.windows` makes of numbers."""
    GROUPS: ClassVar[bool] = False
    """Whether rows with the same value make a group that is worth an evaluation of its own."""
    TOLD_BY: ClassVar[str] = ""
    """A key of its own by which a feature without `type` is known to be of this kind."""
    LOOKS: ClassVar[Looks | None] = None
    """Form of what it gives the network, and the axes of a row; None where the keys do not tell, or it gives several."""
    ENCODER: ClassVar[str] = ""
    """The encoder of a feature that names none; nothing: what its form does by itself."""

    if TYPE_CHECKING:
        type: str

    encoder: Encoder | None = None
    """What makes a vector of it for the network: the name of an encoder, or a section with its `type`. The transform does not depend on it."""

    def columns_of(self, name: str) -> tuple[str, ...]:
        """Returns the columns that the feature called `name` reads."""
        raise NotImplementedError(f"{type(self).__name__} does not say which columns a feature reads")

    def key_of(self, position: int) -> tuple[str | int, ...]:  # noqa: ARG002 - asked of every kind alike
        """Returns the keys below the feature where the column at `position` of `columns_of` is written; none where it is its name."""
        return ()

    def looks(self) -> Looks | None:
        """Returns the form of what it gives the network, and the axes of a row; None where that is known in a run only."""
        return self.LOOKS

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a row of what it gives the network; nothing where it is no tensor, or that is known in a run only."""
        return ()

    def instead(self) -> str:
        """Returns what to change, so that an encoder which cannot read the feature could; nothing where nothing helps."""
        return ""

    def encoded_by(self, by_default: bool = True) -> Encoding:
        """Returns what of its keys the network is made by; without `by_default` only what is said."""
        usual_one = usual(self.ENCODER) if self.ENCODER and by_default else None
        said = {name: getattr(self, name) for name in Encoding.model_fields if name in type(self).model_fields}
        return Encoding(**(said | {"encoder": self.encoder or usual_one}))

    @model_validator(mode="after")
    def _encoder_reads_it(self) -> Keys:
        looks = self.looks()
        if isinstance(self.encoder, EncoderKeys) and looks is not None and (why := self.encoder.refusal(looks)):
            raise Contradiction((("encoder",), f"{why}. {self.instead() or 'Take another encoder, or none'}"))
        if isinstance(self.encoder, EncoderKeys) and self.shape and (why := self.encoder.misfit(self.shape)):
            raise Contradiction((("encoder",), f"{why}. Change the feature, or take another encoder"))
        return self

    def needs(self) -> Mapping[str, tuple[str, str]]:
        """Returns, by the key that needs it, a module that is not always installed, and what `pip install` brings it by."""
        return {}

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
