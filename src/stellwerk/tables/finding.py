"""Which files of this machine a path means, for all who read tables."""

from __future__ import annotations

import glob
from collections.abc import Callable
from pathlib import Path

from stellwerk.tables.formats import is_data


def files_of(path: Path, wanted: Callable[[Path], bool] = is_data) -> list[Path]:
    """Returns the file itself, all that are `wanted` below a folder, or those that match a pattern, sorted; empty where there are none."""
    if path.is_dir():
        return [item for item in sorted(path.rglob("*")) if item.is_file() and wanted(item.relative_to(path))]
    if path.exists():
        return [path]
    if not glob.has_magic(str(path)):
        return []
    return sorted(Path(item) for item in glob.glob(str(path), recursive=True) if Path(item).is_file())  # noqa: PTH207
