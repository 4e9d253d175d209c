"""Where the rows of a text file end."""

from __future__ import annotations

from pathlib import Path


def cut_to_rows(path: Path, quote: str) -> None:
    """Cuts a file behind its last whole row: the last line break that does not stand in quotes, or else the last one."""
    content = path.read_bytes()
    end = last = content.rfind(b"\n") + 1
    mark = quote.encode()
    inside = content.count(mark, 0, end) % 2 if mark else 0
    while inside and end:
        before = content.rfind(b"\n", 0, end - 1) + 1
        inside ^= content.count(mark, before, end) % 2
        end = before
    with path.open("r+b") as file:
        file.truncate(end or last or len(content))
