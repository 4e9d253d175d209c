"""A verdict names the model it is about by its digest, so that it holds for no other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stellwerk.components.artifacts.folders import folder_digest
from stellwerk.errors import GateRefused, ModelError

MODEL = "model_digest"
"""Key of `blessing.json` and `rehearsal.json`: the `folder_digest` of the Model."""


@contextlib.contextmanager
def judged(model: Path) -> Iterator[dict[str, str]]:
    """Gives what a verdict says of the model that it is about. Raises ModelError where that is another once the block ends."""
    digest = folder_digest(model)
    yield {MODEL: digest}
    if folder_digest(model) != digest:
        raise ModelError(f"{model}: the model was changed while it was judged. Run again once nobody writes it.")


def check_about(verdict: Mapping[str, Any], model: str, what: str) -> None:
    """Raises GateRefused unless a verdict is about the model with the digest `model`; `what` names the verdict."""
    about = verdict.get(MODEL)
    if about != model:
        said = f"about another model (SHA-256 {str(about)[:12]})" if about else "about no model that it names"
        raise GateRefused(
            f"The {what} is {said}, not about this one ({model[:12]}), so it is not pushed. The model was changed after it was "
            "judged, or the disk is faulty: run again, and it is judged as it is."
        )
