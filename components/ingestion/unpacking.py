"""Unpacks the files that no reader takes packed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from stellwerk.errors import DataError
from stellwerk.spec.data import Format
from stellwerk.tables.archives import unzipped
from stellwerk.tables.formats import ENDINGS, FORMATS, PACKED, inner_name, is_text, kind_of

CHUNK = 1 << 20


def opened(
    origin: Path, label: str, given: Format | None, folder: Path, limit: int | None
) -> Iterator[tuple[str, Path]]:
    """Yields name and readable path of each file in `origin`: itself, or what it packs."""
    suffix = origin.suffix.lower()
    if suffix == ".zip":
        yield from unzipped(
            origin, label, folder, every=given is not None, limit=lambda name: limit if _is_text(name, given) else None
        )
        return
    kind = given or kind_of(origin.name)
    if suffix not in PACKED or (kind is not None and suffix in FORMATS[kind].unpacks):
        yield origin.name, origin
        return
    import pyarrow as pa  # noqa: PLC0415 - only for packed files

    folder.mkdir(parents=True, exist_ok=True)
    target = folder / inner_name(origin.name)
    try:
        with pa.input_stream(str(origin), compression="detect") as packed, target.open("wb") as plain:
            shutil.copyfileobj(packed, plain, CHUNK)
    except (OSError, pa.ArrowInvalid) as error:
        if getattr(error, "errno", None):
            raise
        raise DataError(f"{label}: does not unpack: {error}. The file is damaged; fetch it again.") from None
    yield origin.name, target


def _is_text(name: str, given: Format | None) -> bool:
    return is_text(given or ENDINGS.get(PurePosixPath(name).suffix.lower()))
