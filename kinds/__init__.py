"""Kinds of features: all that a kind of data needs is one folder, and one line here.

`parts.py` says which modules such a folder has, and finds them. Nothing is imported here: spec and command line ask a kind for
its `keys`, only a transform for its part of the graph. README.md shows how a kind is written.
"""

from __future__ import annotations

from stellwerk.families import Family

KINDS = Family(
    "kinds",
    "kind of feature",
    {
        "number": "stellwerk.kinds.number",
        "category": "stellwerk.kinds.category",
        "boolean": "stellwerk.kinds.boolean",
        "time": "stellwerk.kinds.time",
        "text": "stellwerk.kinds.text",
        "image": "stellwerk.kinds.image",
        "series": "stellwerk.kinds.series",
        "cross": "stellwerk.kinds.cross",
        "custom": "stellwerk.kinds.custom",
    },
    parts={"keys": ("KEYS",), "transform": ("measured", "transform")},
)
"""By the name that `type` gives them, in the order in which people are told of them."""
