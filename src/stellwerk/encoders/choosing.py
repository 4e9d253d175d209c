"""`encoder` of a feature: which encoder's section it is, its `type` says. A plain name is short for `{type: ...}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import WithJsonSchema

from stellwerk.encoders import ENCODERS
from stellwerk.encoders.augment import Augment
from stellwerk.encoders.base import EncoderKeys
from stellwerk.plugged import tagged
from stellwerk.section import HOOK, Section

FUNCTION = "encode"
"""The key of an encoder of the user's own that names its function; who has it needs no `type`."""


def _written_out(value: Any) -> Any:
    """Returns the section that a short form means: a name, or a function of the user's own."""
    if isinstance(value, str):
        value = {FUNCTION: value} if re.search(HOOK, value) else {"type": value}
    if isinstance(value, Mapping) and FUNCTION in value and "type" not in value:
        return {"type": "custom", **value}
    return value


_SHORT = Annotated[str, WithJsonSchema({"anyOf": [{"enum": list(ENCODERS)}, {"type": "string", "pattern": HOOK}]})]

if TYPE_CHECKING:
    Encoder = EncoderKeys
else:
    Encoder = tagged(ENCODERS, "type", _written_out, EncoderKeys, short=_SHORT)


def usual(name: str) -> EncoderKeys:
    """Returns the section of an encoder with nothing said but its name."""
    section: EncoderKeys = ENCODERS.part(name, "keys").KEYS(type=name)
    return section


class Encoding(Section):
    """What of a feature's keys the network is made by, and not the transform."""

    encoder: Encoder | None = None
    """What makes a vector of it; by default what the form does that it is in."""
    augment: Augment | None = None
    """How training varies it."""


__all__ = ["Encoder", "Encoding", "usual"]
