"""`litert`: LiteRT with the weights as they were trained, 32-bit floats."""

from __future__ import annotations

from stellwerk.components.conversion.formats import Converted
from stellwerk.components.conversion.formats.flatbuffer import converted, converter
from stellwerk.components.conversion.network import Network


def convert(network: Network) -> Converted:
    """Returns the flatbuffer. Raises StepFailed when LiteRT lacks an operation."""
    return converted(converter(network))
