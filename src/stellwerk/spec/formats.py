"""The formats of a pushed model: the SavedModel, and what it is converted to."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, WithJsonSchema

from stellwerk.errors import did_you_mean

Format = Literal["saved_model", "litert", "litert_float16", "litert_dynamic", "litert_int8", "onnx", "xla", "tensorrt"]
FORMATS: tuple[str, ...] = get_args(Format)


def _known(name: str) -> Format:
    for known in get_args(Format):
        if name == known:
            found: Format = known
            return found
    raise ValueError(f"unknown format '{name}'.{did_you_mean(name, FORMATS)} Known: {', '.join(FORMATS)}")


FormatName = Annotated[str, AfterValidator(_known), WithJsonSchema({"enum": list(FORMATS)})]
"""One of `FORMATS`, or a sentence on what is known."""
