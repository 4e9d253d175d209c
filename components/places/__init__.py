"""Where sources may lie besides this machine: one module for each kind of place, named in one table."""

from __future__ import annotations

from importlib import import_module

from stellwerk.components.places.base import Interrupted, Object, Place, PlaceError
from stellwerk.spec.data import Source
from stellwerk.spec.places import place_of

PLACES = {
    "gs": "stellwerk.components.places.gcs",
    "s3": "stellwerk.components.places.s3",
    "minio": "stellwerk.components.places.s3",
    "http": "stellwerk.components.places.web",
    "https": "stellwerk.components.places.web",
    "hdfs": "stellwerk.components.places.hdfs",
}
"""The module of each scheme; it has `place(scheme, host, source) -> Place`. Libraries of stores are imported on first use."""


def opened(uri: str, source: Source) -> tuple[Place, str]:
    """Returns the place that a URI of `source` names, and the name there. Raises PlaceError where its library is missing."""
    scheme, host, key = place_of(uri)
    found: Place = import_module(PLACES[scheme]).place(scheme, host, source)
    return found, key


__all__ = ["PLACES", "Interrupted", "Object", "Place", "PlaceError", "opened"]
