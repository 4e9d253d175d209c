"""What every encoder's section of the spec has: what it reads, and why it cannot read something else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import StringConstraints, model_validator

from stellwerk.section import SHA256, Contradiction, Section, Weights

LOOKS = {
    ("number", 0): "a number",
    ("vector", 1): "a row of numbers",
    ("id", 0): "one id",
    ("tokens", 1): "words in order",
    ("tensor", 1): "a row of numbers",
    ("tensor", 2): "steps of numbers [steps, channels]",
    ("tensor", 3): "a picture [height, width, channels]",
}
"""What a feature gives, by its form and the axes of one row, in words."""

Looks = tuple[str, int]
"""A form, and how many axes one row of it has."""


class EncoderKeys(Section):
    """The keys of one encoder. Each has a class of its own, with `type: Literal["..."]`, its name."""

    TAKES: ClassVar[Mapping[str, tuple[int, ...]] | None] = None
    """Forms that it reads, each with the numbers of axes that a row may have; None: whatever a feature gives."""

    if TYPE_CHECKING:
        type: str

    def refusal(self, looks: Looks) -> str:
        """Returns what such an encoder reads, where it cannot read a feature that looks so; nothing where it can."""
        form, axes = looks
        if self.TAKES is None or axes in self.TAKES.get(form, ()):
            return ""
        reads = [told((one, each)) for one, several in self.TAKES.items() for each in several]
        return f"{self.type} reads {' or '.join(reads)}, and this feature is {told(looks)}"

    def misfit(self, shape: tuple[int, ...]) -> str:  # noqa: ARG002 - asked of every encoder alike
        """Returns why it cannot read rows of a shape, of as many axes as it reads; nothing where it can."""
        return ""


class Pretrained(EncoderKeys):
    """What may begin with weights that somebody has learned before."""

    weights: Weights | None = None
    """File of its weights, beside the spec or at a URI; without one it begins with random ones. Nothing is downloaded that is not named here."""
    sha256: Annotated[str, StringConstraints(pattern=SHA256)] | None = None
    """SHA-256 of that file. One at a URI needs it: by it the step knows whether it learned from these weights before."""

    @model_validator(mode="after")
    def _is_known_by_its_digest(self) -> Pretrained:
        if self.sha256 is not None and self.weights is None:
            raise Contradiction((("sha256",), "is that of weights, and there are none. Name the file, or remove it"))
        if self.sha256 is None and self.weights is not None and "://" in self.weights:
            raise Contradiction((("sha256",), "is needed for weights at a URI. Give what sha256sum says of the file"))
        return self


def told(looks: Looks) -> str:
    """Returns in words what a feature gives."""
    form, axes = looks
    return LOOKS.get(looks, f"the form '{form}' with {axes} axes")
