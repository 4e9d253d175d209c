"""What a step decided, as a KFP parameter: conditions of a pipeline ask parameters, not artifacts."""

from __future__ import annotations

import json
from pathlib import Path


def answer(file: str | Path, key: str, parameter: str) -> None:
    """Writes the value of `key` in a JSON file of an artifact to the file where KFP reads the output parameter."""
    value = json.loads(Path(file).read_text(encoding="utf-8"))[key]
    Path(parameter).parent.mkdir(parents=True, exist_ok=True)
    Path(parameter).write_text(json.dumps(value), encoding="utf-8")
