"""tensorflow-text, which the extra `stellwerk[text]` brings."""

from __future__ import annotations

import sys
from typing import Any

from stellwerk.environment import register_operations
from stellwerk.errors import DataError
from stellwerk.kinds.text.keys import EXTRA, MODULE


def tensorflow_text() -> Any:
    """Returns the module. Raises DataError where it is not installed."""
    if not register_operations():
        raise DataError(f"pieces of words and Unicode normal forms need the package {MODULE}: pip install '{EXTRA}'.")
    return sys.modules[MODULE]
