"""Objects that are read where they lie: each read asks for a part, under the condition that the object is still the same."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Literal, cast

from stellwerk.errors import DataError
from stellwerk.spec.data import Format
from stellwerk.stores.base import Object, StoreError
from stellwerk.stores.patience import patiently, pieces
from stellwerk.tables.formats import FORMATS, PACKED, TEXT_FIRST, kind_of

AHEAD: dict[Format, int] = {one.name: one.ahead for one in TEXT_FIRST if one.ahead}
"""Formats that are read in place: those that the engine itself reads, so that nothing is made Parquet on disk first. And how many bytes one request for a part of them brings at least, once a file is read on."""
FIRST = 1 << 18
"""Bytes that the first request brings at least, where it may be the only one; each next one twice as many."""
AT_ONCE = 8
"""Objects that are asked for side by side."""
SCHEME = "object"
"""Scheme of the addresses that SQL reads."""
COPY = "Use `access: copy` for this source"


@dataclass(eq=False)
class InPlace:
    """One object as readers see it: a file that cannot be written."""

    item: Object
    source: str
    """Name of the source in the spec."""
    address: str
    """What SQL calls it."""
    ahead: int
    hear: Callable[[int, bytes], None] | None = None
    """Is told the bytes that were read, and where they begin; some twice."""
    failed: DataError | None = None
    """Why it could not be read, once it could not: the engine hides the errors of files."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def size(self) -> int:
        """Bytes as they are stored."""
        return self.item.size or 0

    def open(self, mode: Literal["rb"] = "rb") -> BinaryIO:  # noqa: ARG002 - as `Path.open` has it
        """Opens it; nothing is asked for yet."""
        return cast("BinaryIO", Parts(self))

    def read(self, start: int, end: int) -> bytes:
        """Asks for a part. Raises DataError; after that, for every part, so that nobody goes on with half an object."""
        if self.failed is not None:
            raise self.failed
        try:
            part = b"".join(pieces(self.item, start, end))
        except StoreError as error:
            with self._lock:
                self.failed = self.failed or DataError.of_source(self.source, f"{self.item.uri}: {error}.")
            raise self.failed from error
        if self.hear is not None:
            self.hear(start, part)
        return part


class Parts(io.RawIOBase):
    """An object as a file. Several threads may use it at once, each of which seeks and then reads."""

    def __init__(self, file: InPlace) -> None:
        self._file, self._at = file, 0
        self._sought = threading.local()
        self._start, self._ahead, self._least = 0, b"", min(FIRST, file.ahead)
        self._lock = threading.Lock()

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves to a place in the object, for the next read of this thread."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.size}[whence]
        self._at = self._sought.at = max(base + offset, 0)
        return self._at

    def tell(self) -> int:
        """Returns the place in the object."""
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """Returns as many bytes, fewer only at the end: from where this thread just sought, or else where the last read ended."""
        with self._lock:
            sought = self._sought.__dict__.pop("at", None)
            start = self._at if sought is None else sought
            end = self._file.size if size is None or size < 0 else min(start + size, self._file.size)
            self._at = max(start, end)
            known = self._ahead[start - self._start : end - self._start] if self._start <= start else b""
        if len(known) >= end - start:
            return known
        return known + self._fetched(start + len(known), end)

    def _fetched(self, start: int, end: int) -> bytes:
        part = self._file.read(start, min(max(end, start + self._least), self._file.size))
        self._least = min(2 * self._least, self._file.ahead)
        if end - start < len(part):
            with self._lock:
                self._start, self._ahead = start, part
        return part[: end - start]

    def readinto(self, buffer: Any, /) -> int:
        """Fills a buffer."""
        view = memoryview(buffer).cast("B")
        part = self.read(len(view))
        view[: len(part)] = part
        return len(part)


def settled(name: str, items: Iterable[Object], given: Format | None) -> list[Object]:
    """Returns objects with all that their places say of their state, as it stands for their bytes.

    Raises DataError for source `name` where one cannot be read in place, or nothing would tell that it changed meanwhile.
    """

    def settle(item: Object) -> Object:
        try:
            _check(item, given or kind_of(item.name))
            return replace(patiently(lambda: item.store.whole(item)), pinned=True)
        except StoreError as error:
            raise DataError.of_source(name, f"{item.uri}: {error}.") from error

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="objects") as pool:
        return list(pool.map(settle, items))


def _check(item: Object, kind: Format | None) -> None:
    ending = PurePosixPath(item.name).suffix.lower()
    if kind is not None and kind not in AHEAD:
        raise StoreError(f"{kind} files are not read in place, only {', '.join(AHEAD)}. {COPY}")
    if ending in PACKED and (kind is None or ending not in FORMATS[kind].unpacks):
        raise StoreError(f"a {ending} file of this kind has to be unpacked to disk, and is not read in place. {COPY}")
    if not item.stored:
        raise StoreError(
            "its server gives neither a version nor a checksum nor a strong ETag, so that nobody could tell whether it "
            f"changes while it is read in place. {COPY}"
        )
    if not item.by_parts or item.size is None:
        raise StoreError(f"its server gives no parts of a file, and it cannot be read in place. {COPY}")


@contextmanager
def told(files: Iterable[InPlace]) -> Iterator[None]:
    """Raises the reason why an object could not be read in place of what came of it in the engine."""
    files = list(files)
    try:
        yield
    except Exception as error:
        failed = next((file.failed for file in files if file.failed is not None), None)
        if failed is None or failed is error:
            raise
        raise failed from error
    finally:
        for file in files:
            file.failed = None  # an error holds what it was raised in, which would hold the error
