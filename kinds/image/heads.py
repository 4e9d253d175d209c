"""How the files of pictures begin that the served model decodes: what can be told of a format without decoding."""

from __future__ import annotations

FORMATS: dict[str, bytes] = {"JPEG": b"\xff\xd8\xff", "PNG": b"\x89PNG\r\n\x1a\n", "BMP": b"BM"}
"""First bytes by format."""


def format_of(head: bytes) -> str | None:
    """Returns the format of a picture by its first bytes, None for any other."""
    return next((name for name, begin in FORMATS.items() if head.startswith(begin)), None)
