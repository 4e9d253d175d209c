"""The section `push`: where a blessed model goes."""

from __future__ import annotations

from typing import ClassVar

from stellwerk.spec.rehearse import Rehearse
from stellwerk.spec.section import Section


class Push(Section):
    """Where a blessed model goes."""

    EXAMPLE: ClassVar[str] = """\
push: {to: models}
"""

    to: str
    """Folder, relative to the spec; the model appears as `<to>/<name>/<version>/`, as TensorFlow Serving reads it."""
    rehearse: Rehearse | None = None
    """What must be seen of a server on the model before it is pushed; without this section no server is started."""
