"""What every encoder's section of the spec has: what it reads, and why it cannot read something else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from stellwerk.section import Section

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


def told(looks: Looks) -> str:
    """Returns in words what a feature gives."""
    form, axes = looks
    return LOOKS.get(looks, f"the form '{form}' with {axes} axes")
