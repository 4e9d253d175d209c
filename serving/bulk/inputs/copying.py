"""Plain copies of files that are read as they are not written."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from stellwerk.errors import DataError

PACKED = (".gz", ".zst", ".bz2", ".lz4")


class Copy:
    """A file, or its plain copy in a folder of its own, which is gone once this is closed. The same bytes give the same copy."""

    def __init__(self, path: Path) -> None:
        self.path = path
        """What is read: the file itself until a copy is made."""
        self._original = path
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def make(self, write: Callable[[Any, IO[bytes]], object], name: str = "plain") -> None:
        """Makes the copy: `write` takes the unpacked bytes of the file, and the copy."""
        self._folder = tempfile.TemporaryDirectory(prefix="stellwerk-predict-")
        self.path = Path(self._folder.name) / name
        with unpacked(self._original) as stream, self.path.open("wb") as to:
            write(stream, to)

    @property
    def size(self) -> int:
        """Bytes of what is read."""
        return self.path.stat().st_size

    def close(self) -> None:
        """Removes the copy."""
        if self._folder is not None:
            self._folder.cleanup()


def unpacked(path: Path) -> Any:
    """Opens a file as a stream of unpacked bytes. Raises DataError where it cannot be."""
    try:
        return pa.input_stream(str(path), compression="detect")
    except (OSError, pa.ArrowInvalid) as error:
        raise _damaged(path, error) from None


def read_start(path: Path, size: int) -> bytes:
    """Returns the first bytes of a file, unpacked. Raises DataError where it cannot be read."""
    try:
        with unpacked(path) as stream:
            start: bytes = stream.read(size)
    except (OSError, pa.ArrowInvalid) as error:
        raise _damaged(path, error) from None
    return start


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path}: does not read or unpack: {error}. The file is damaged; fetch it again.")
