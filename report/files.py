"""Reads the JSON files inside artifacts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read_json(path: Path) -> Any:
    """Returns what a JSON file says. Raises OSError when it is not there, ValueError when it is no JSON."""
    return json.loads(path.read_text(encoding="utf-8"))
