"""Files in a zip archive: those that hold data, each unpacked to a folder."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from stellwerk.errors import DataError
from stellwerk.tables.formats import ENDINGS, inner_name, is_data

CHUNK = 1 << 20


def unzipped(
    origin: Path, label: str, folder: Path, *, every: bool = False, limit: Callable[[str], int | None] = lambda _: None
) -> Iterator[tuple[str, Path]]:
    """Yields name and path of each data file in a zip, by name; `every` takes files of unknown endings too.

    Of text, a file may be cut to `limit(name)` bytes. Raises DataError for an archive that is damaged, holds no data, or names
    files outside of itself.
    """
    try:
        with zipfile.ZipFile(origin) as archive:
            members = [item for item in archive.infolist() if not item.is_dir()]
            for item in members:
                _check_inside(item.filename, label)
            wanted = [item for item in members if every or is_data(PurePosixPath(item.filename))]
            if not wanted:
                raise DataError(f"{label}: holds no data file. Known endings: {', '.join(ENDINGS)}.")
            names = [item.filename for item in wanted]
            if twice := next((name for name in names if names.count(name) > 1), None):
                raise DataError(f"{label}: holds the member '{twice}' twice. Pack the files again.")
            for number, item in enumerate(sorted(wanted, key=lambda member: member.filename)):
                # Under a name of its own: theirs may be longer than the file system allows, or those of folders, too.
                target = folder / f"member-{number:05}{_ending(item.filename)}"
                _unzip(archive, item, label, target, limit(item.filename))
                yield item.filename, target
    except (zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise DataError(f"{label}: does not unpack: {error}. The file is damaged; fetch it again.") from None
    except (RuntimeError, NotImplementedError) as error:  # a password, or a way of packing that Python does not know
        raise DataError(f"{label}: does not unpack: {error}. Pack it again, without a password, as zip does.") from None


def names_in(path: Path) -> list[str]:
    """Returns the names of the files in a folder or an archive, or of a file itself; nothing where it is damaged."""
    if path.is_dir():
        return [item.relative_to(path).as_posix() for item in path.rglob("*") if item.is_file()]
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return archive.namelist()
        if path.is_file() and tarfile.is_tarfile(path):
            with tarfile.open(path) as packed:
                return packed.getnames()
    except (OSError, zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error):
        return []
    return [path.name]


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


def _ending(name: str) -> str:
    """Returns the ending of a name, and the one before it where it says how the file is packed."""
    packing = PurePosixPath(name).suffix if inner_name(name) != name else ""
    return PurePosixPath(inner_name(name)).suffix + packing
