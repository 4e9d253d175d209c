"""Unpacks the files that no reader takes packed."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from stellwerk.components.places.endings import ENDINGS, PACKED, inner_name, is_data, kind_of
from stellwerk.errors import DataError
from stellwerk.spec.data import Format

UNPACKED_BY_THE_READER: dict[Format, tuple[str, ...]] = {
    "csv": (".gz", ".zst"),
    "jsonl": (".gz", ".zst"),
    "tfrecord": (".gz",),
}
CHUNK = 1 << 20


def opened(
    origin: Path, label: str, given: Format | None, folder: Path, limit: int | None
) -> Iterator[tuple[str, Path]]:
    """Yields name and readable path of each file in `origin`: itself, or what it packs."""
    suffix = origin.suffix.lower()
    if suffix == ".zip":
        yield from _unzipped(origin, label, given, folder, limit)
        return
    kind = given or kind_of(origin.name)
    if suffix not in PACKED or (kind is not None and suffix in UNPACKED_BY_THE_READER.get(kind, ())):
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


def _unzipped(
    origin: Path, label: str, given: Format | None, folder: Path, limit: int | None
) -> Iterator[tuple[str, Path]]:
    try:
        with zipfile.ZipFile(origin) as archive:
            members = [item for item in archive.infolist() if not item.is_dir()]
            for item in members:
                _check_inside(item.filename, label)
            wanted = [item for item in members if given is not None or is_data(PurePosixPath(item.filename))]
            if not wanted:
                raise DataError(f"{label}: holds no data file. Known endings: {', '.join(ENDINGS)}.")
            names = [item.filename for item in wanted]
            if twice := next((name for name in names if names.count(name) > 1), None):
                raise DataError(f"{label}: holds the member '{twice}' twice. Pack the files again.")
            for number, item in enumerate(sorted(wanted, key=lambda member: member.filename)):
                # Under a name of its own: theirs may be longer than the file system allows, or those of folders, too.
                target = folder / f"member-{number:05}{PurePosixPath(item.filename).suffix}"
                lines = (given or ENDINGS.get(PurePosixPath(item.filename).suffix.lower())) in ("csv", "jsonl")
                _unzip(archive, item, label, target, limit if lines else None)
                yield item.filename, target
    except (zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise DataError(f"{label}: does not unpack: {error}. The file is damaged; fetch it again.") from None


def _check_inside(member: str, label: str) -> None:
    path = PurePosixPath(member.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts:
        raise DataError(f"{label}: member '{member}' points outside the archive. Pack the files again.")


def _unzip(archive: zipfile.ZipFile, item: zipfile.ZipInfo, label: str, target: Path, limit: int | None) -> None:
    if item.file_size == 0:
        raise DataError(f"{label}: member '{item.filename}' is empty: 0 bytes. Give a file with data, or leave it out.")
    target.parent.mkdir(parents=True, exist_ok=True)
    left = limit
    with archive.open(item) as packed, target.open("wb") as plain:
        while chunk := packed.read(CHUNK):
            if left is not None and left < len(chunk):
                plain.write(chunk[: chunk.rfind(b"\n") + 1])
                break
            plain.write(chunk)
            left = None if left is None else left - len(chunk)
