"""Pictures that an artifact holds as `data:` URIs: those of the examples, of each class, and of single rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from stellwerk.report.charts import tag
from stellwerk.report.judging import Evaluation
from stellwerk.report.wording import clipped

_URI = re.compile(r"data:image/(?:png|jpeg);base64,[A-Za-z0-9+/]+=*")

MOST_BYTES = 2_500_000
"""Of all pictures of a gallery, so that a page stays below 5 MB."""
LONGEST_NAME = 24


@dataclass(frozen=True)
class ShownClass:
    """A class and some pictures of it."""

    name: str
    pictures: tuple[Markup, ...]


@dataclass(frozen=True)
class ShownGallery:
    """A column of pictures, class by class."""

    column: str
    classes: tuple[ShownClass, ...]


def picture(value: Any, told: str) -> Markup | None:
    """Returns a picture as HTML; None where the value is none."""
    uri = value.get("picture") if isinstance(value, Mapping) else None
    return _image(uri, told) if isinstance(uri, str) else None


def galleries(evaluation: Evaluation | None) -> tuple[ShownGallery, ...]:
    """Returns the pictures by column and class, as many as a page bears."""
    left, shown = MOST_BYTES, []
    for gallery in evaluation.gallery if evaluation is not None else ():
        classes = []
        for one in gallery.classes:
            name, drawn = str(one["class"]), []
            for uri in map(str, one["pictures"]):
                image = _image(uri, name) if len(uri) <= left else None
                if image is not None:
                    left -= len(uri)
                    drawn.append(image)
            classes.append(ShownClass(clipped(name, LONGEST_NAME), tuple(drawn)))
        shown.append(ShownGallery(gallery.column, tuple(classes)))
    return tuple(shown)


def _image(uri: str, told: str) -> Markup | None:
    return tag("img", src=uri, alt=told, class_="picture") if _URI.fullmatch(uri) else None
