"""Copies objects to this machine, once for each state of an object.

A copy lies at `<kept>/<digest of its identity>-<SHA-256>/<name>` and is whole: it is written under another name first. One that is not what
arrived is copied again. What no run has used for a day is removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import threading
import time
import uuid
from collections.abc import Iterable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from stellwerk.errors import DataError
from stellwerk.progress import Progress, silent
from stellwerk.stores.base import Object, StoreError
from stellwerk.stores.copying import copied, file_digest

AT_ONCE = 4
"""Objects that are copied side by side."""
UNUSED = 24 * 3600.0
"""Seconds after which a copy that nobody asked for is removed; other runs of the pipeline may be reading younger ones."""
BEAT = 0.5
"""Seconds between two words about how far it is."""


def fetched(name: str, items: Iterable[Object], kept: Path, progress: Progress = silent) -> dict[Object, Path]:
    """Returns a copy of each object below the folder `kept`; those that are there already are not asked for again.

    Memory holds a few pieces of 8 MiB, however large the objects are. Raises DataError for source `name` where one
    cannot be read.
    """
    items = list(dict.fromkeys(items))
    copying = _Copying(kept)
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="objects") as pool:
        try:
            futures = {item: pool.submit(copying.copy, item) for item in items}
            _wait(list(futures.values()), items, copying, progress)
            return {item: future.result() for item, future in futures.items()}
        except StoreError as error:
            raise DataError.of_source(name, f"{copying.failed}: {error}.") from error
        finally:
            copying.stop.set()
            pool.shutdown(cancel_futures=True)


def _wait(futures: list[Future[Path]], items: list[Object], copying: _Copying, progress: Progress) -> None:
    """Waits until all are copied; raises the error of the first that failed, without waiting for the others."""
    sizes = [item.size for item in items]
    total = sum(size or 0 for size in sizes) if None not in sizes else None
    waiting: set[Future[Path]] = set(futures)
    while waiting:
        done, waiting = wait(waiting, timeout=BEAT, return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()
        progress(copying.arrived, total, "bytes")


class StoppedError(Exception):
    """Another object failed: this one is not needed any more."""


@dataclass
class _Copying:
    kept: Path
    arrived: int = 0
    failed: str = ""
    stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def copy(self, item: Object) -> Path:
        """Returns the copy of an object, made now unless it is there."""
        state, name = _digest(item.identity), plain_name(item)
        for folder in self.kept.glob(f"{state}-*"):
            if (folder / name).is_file() and file_digest(folder / name) == folder.name.partition("-")[2]:
                os.utime(folder)
                return folder / name
            shutil.rmtree(folder, ignore_errors=True)
        aside = self.kept / f".{uuid.uuid4().hex}.part"
        aside.mkdir(parents=True)
        try:
            folder = self.kept / f"{state}-{self._write(item, aside / name)}"
            with contextlib.suppress(OSError):  # of another run, at the same moment
                aside.rename(folder)
        except StoreError:
            with self._lock:
                self.failed = self.failed or item.uri
            raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        return folder / name

    def _write(self, item: Object, aside: Path) -> str:
        """Copies an object to a file; returns the SHA-256 of what arrived."""

        def hear(piece: bytes) -> None:
            if self.stop.is_set():
                raise StoppedError
            with self._lock:
                self.arrived += len(piece)

        return copied(item, aside, hear)


def _digest(identity: str | None) -> str:
    return uuid.uuid4().hex if identity is None else hashlib.sha256(identity.encode()).hexdigest()[:32]


def plain_name(item: Object) -> str:
    """Returns a name for a file that ends as the object's does: its own may be too long for a file, or hold a wildcard."""
    endings = [ending for ending in PurePosixPath(item.name).suffixes[-2:] if ending[1:].isalnum() and len(ending) < 16]
    return "object" + "".join(endings)


def remove_unused(kept: Path) -> None:
    """Removes the copies that no run has asked for since a day."""
    before = time.time() - UNUSED
    with contextlib.suppress(OSError):
        for folder in kept.iterdir():
            if folder.stat().st_mtime < before:
                shutil.rmtree(folder, ignore_errors=True)
