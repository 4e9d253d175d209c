"""What a step decided, as a KFP parameter: conditions of a pipeline ask parameters, not artifacts."""

from __future__ import annotations

import json
from pathlib import Path


def answer(file: str | Path, key: str) -> bool:
    """Returns the decision that a JSON file of an artifact holds at `key`; a face returns it as its output parameter."""
    return bool(json.loads(Path(file).read_text(encoding="utf-8"))[key])
