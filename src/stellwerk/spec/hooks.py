"""The section `hooks`: what functions of the user's own may take."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from stellwerk.section import Section

HOOK_SECONDS = 600


class Hooks(Section):
    """Your own Python files (`features.<name>.transform`, `model.build`, `evaluate.metrics`): how long they may take."""

    EXAMPLE: ClassVar[str] = """\
hooks: {timeout_seconds: 60}
"""

    timeout_seconds: Annotated[int, Field(ge=1, le=86_400)] = HOOK_SECONDS
    """Seconds for importing such a file, and for each call of a function in it; a step that waits longer fails and says so.

    Of a metric each call counts, not all rows together. Code that keeps the error to itself ends with the step's process, five seconds later.
    """
