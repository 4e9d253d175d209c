"""What messages and the manifest call a file."""

from __future__ import annotations

import os
from pathlib import Path

from stellwerk.stores.base import Object

Origin = Path | Object
"""What a source names: a file of this machine, or an object of a place."""


def label_of(path: Origin, directory: Path) -> str:
    """Returns what messages and the manifest call it: relative to the spec's folder where it is below; of an object its URI."""
    if isinstance(path, Object):
        return path.uri
    absolute, base = Path(os.path.abspath(path)), Path(os.path.abspath(directory))  # noqa: PTH100
    return absolute.relative_to(base).as_posix() if absolute.is_relative_to(base) else str(absolute)
