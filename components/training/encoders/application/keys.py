"""`encoder: {type: application, name: ...}`: its section of the spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from stellwerk.components.training.encoders.application.networks import NETWORKS, Known
from stellwerk.components.training.encoders.keys import Share
from stellwerk.encoders.base import Pretrained
from stellwerk.errors import did_you_mean
from stellwerk.section import Contradiction


def _known(name: str) -> str:
    if name not in NETWORKS:
        raise ValueError(
            f"unknown network of keras.applications.{did_you_mean(name, NETWORKS)} Known: {', '.join(NETWORKS)}"
        )
    return name


class Application(Pretrained):
    """A network of keras.applications without its last layer, with weights of your own file or random ones. Pixels are prepared as that network has learned them, inside the model."""

    TAKES: ClassVar[Mapping[str, tuple[int, ...]] | None] = {"tensor": (3,)}
    EXAMPLE: ClassVar[str] = """\
features:
  photo: {type: image, size: [224, 224], encoder: {type: application, name: EfficientNetB0, trainable: all}}
"""

    type: Literal["application"]
    name: Annotated[str, AfterValidator(_known), WithJsonSchema({"enum": list(NETWORKS)})]
    """Which one, as keras.applications calls it."""
    trainable: Literal["none", "all"] | Annotated[int, Field(ge=1, strict=True)] | None = None
    """What learns: `none` of it, `all`, or the last so many of its layers that have weights; by default none with `weights`, and all without. What does not learn is in inference mode, its batch normalisation too."""
    pooling: Literal["mean", "max"] = "mean"
    """What becomes of the pixels that are left: the mean or the largest of each filter."""
    dropout: Share = 0.0
    """Share of the values of the vector switched off at random while training."""

    @model_validator(mode="after")
    def _what_is_random_learns(self) -> Application:
        if self.weights is None and self.trainable not in (None, "all"):
            message = (
                "leaves random weights as they are, as there are no others. Name a file with `weights`, or say all"
            )
            raise Contradiction((("trainable",), f"{message}. Received: {self.trainable}"))
        return self

    @property
    def known(self) -> Known:
        """What there is to know of the network."""
        return NETWORKS[self.name]

    @property
    def learns(self) -> Literal["none", "all"] | int:
        """What learns, with nothing left open."""
        return self.trainable or ("all" if self.weights is None else "none")

    def misfit(self, shape: tuple[int, ...]) -> str:
        """Refuses pictures that the network would make nothing of, and those that are neither grey nor in colours."""
        height, width, channels = shape
        least = self.known.least
        if min(height, width) < least:
            return f"{self.name} reads pictures of {least} x {least} pixels or more, and these have {height} x {width}"
        return "" if channels in (1, 3) else f"{self.name} reads pictures of 1 or 3 channels, and these have {channels}"


KEYS = Application
