"""The files of which each is a row: those of a source, and those in its archives, which are read where they lie."""

from __future__ import annotations

import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from stellwerk.components.ingestion.files import File
from stellwerk.errors import DataError
from stellwerk.media.limits import MOST_BYTES
from stellwerk.media.sniffing import PICTURE_ENDINGS
from stellwerk.spec.places import scheme_of
from stellwerk.tables.formats import is_medium

TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
MOST_TIMES = 200
"""How many times its own size an archive may hold, once that is more than `MOST_BYTES`: pictures are packed already."""


@dataclass(frozen=True)
class Member:
    """One file."""

    file: str
    """Its path below the source's folder, or in its archive."""
    label: str
    """What messages call it."""
    size: int
    read: Callable[[], bytes]
    """Reads `MOST_BYTES` and one more at most. To be called before the next member is asked for where it lies in an archive."""
    packed: bool
    """Whether it lies in an archive."""
    uri: str = ""
    """Where it lies, for who reads it later; none in an archive."""

    @property
    def folder(self) -> str | None:
        """The last folder of its path."""
        return PurePosixPath(self.file).parent.name or None


def is_archive(name: str) -> bool:
    """Tells by its name whether a file holds files."""
    return name.lower().endswith((".zip", *TARS))


def _is_picture(name: str) -> bool:
    return is_medium(PurePosixPath(name), PICTURE_ENDINGS)


def members(files: Sequence[File]) -> Iterator[Member]:
    """Yields every file in order. Raises DataError for an archive that is damaged, is a bomb, or names files outside of itself."""
    for file in files:
        assert isinstance(file.readable, Path)  # noqa: S101 - no other is found for such a format
        path = file.readable
        if is_archive(path.name):
            yield from (_zipped if path.suffix.lower() == ".zip" else _tarred)(path, file.label)
        else:
            uri = file.label if scheme_of(file.label) else path.absolute().as_uri()
            yield Member(_text(file.below), file.label, path.stat().st_size, _reader(path), packed=False, uri=uri)


def _reader(path: Path) -> Callable[[], bytes]:
    def read() -> bytes:
        with path.open("rb") as stream:
            return stream.read(MOST_BYTES + 1)

    return read


def _text(name: str) -> str:
    """Returns a name as text, where the system has other bytes."""
    return os.fsencode(name).decode("utf-8", "replace")


@contextmanager
def _damage_told(label: str) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DataError(f"{label}: does not unpack: {error}. The file is damaged; fetch it again.") from None
    except (RuntimeError, NotImplementedError) as error:
        raise DataError(f"{label}: does not unpack: {error}. Pack it again, without a password, as zip does.") from None


def _zipped(path: Path, label: str) -> Iterator[Member]:
    with _damage_told(label), zipfile.ZipFile(path) as archive:
        held = sorted((item for item in archive.infolist() if not item.is_dir()), key=lambda item: item.filename)
        for item in held:
            _check_inside(item.filename, label)
        wanted = [item for item in held if _is_picture(item.filename)]
        _check_names([item.filename for item in wanted], label)
        _check_size(path, sum(item.file_size for item in wanted), label)
        for item in wanted:

            def read(item: zipfile.ZipInfo = item) -> bytes:
                with _damage_told(label), archive.open(item) as stream:
                    return stream.read(MOST_BYTES + 1)

            yield Member(item.filename, f"{label}/{item.filename}", item.file_size, read, packed=True)


def _tarred(path: Path, label: str) -> Iterator[Member]:
    """Yields what is a file: links and devices are none."""
    seen: set[str] = set()
    size = 0
    with _damage_told(label), tarfile.open(path) as archive:
        while (item := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # else it keeps them all
            _check_inside(item.name, label)
            name = item.name.removeprefix("./")
            if not item.isreg() or not _is_picture(name):
                continue
            size += item.size
            _check_size(path, size, label)
            _check_names([name, *([name] if name in seen else [])], label)
            seen.add(name)
            stream = archive.extractfile(item)
            yield Member(name, f"{label}/{name}", item.size, _tar_reader(stream, label), packed=True)
    if not seen:
        _check_names([], label)


def _tar_reader(stream: IO[bytes] | None, label: str) -> Callable[[], bytes]:
    def read() -> bytes:
        with _damage_told(label):
            return b"" if stream is None else stream.read(MOST_BYTES + 1)

    return read


def _check_inside(member: str, label: str) -> None:
    path = PurePosixPath(member.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts:
        raise DataError(f"{label}: member '{member}' points outside the archive. Pack the files again.")


def _check_names(names: list[str], label: str) -> None:
    if not names:
        raise DataError(f"{label}: holds no picture. Known endings: {', '.join(PICTURE_ENDINGS)}.")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{label}: holds the member '{twice}' twice. Pack the files again.")


def _check_size(path: Path, unpacked: int, label: str) -> None:
    if unpacked > max(MOST_BYTES, MOST_TIMES * path.stat().st_size):
        raise DataError(
            f"{label}: unpacks to more than {MOST_TIMES} times its size ({unpacked:,} bytes and more), as no pictures do. "
            "Look at what it holds."
        )
