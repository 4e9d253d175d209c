"""Where a step and Beam's workers meet: a folder or a prefix of a store that both see."""

from __future__ import annotations

import contextlib
import shutil
import socket
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from stellwerk.errors import DataError, StepFailed
from stellwerk.spec.beam import Beam

_CHUNK = 1 << 20


class SharedStorage:
    """Addresses that mean the same to the step and to its workers; whatever is written there ends with the step."""

    def __init__(self, root: str, copies: bool) -> None:
        self._root, self._copies = root, copies

    def give(self, path: Path) -> str:
        """Returns the address at which workers read a file or folder: its own, or that of a copy."""
        if not self._copies:
            return str(path.resolve())
        address = self.at("given", uuid.uuid4().hex, path.name)
        for file in [path] if path.is_file() else sorted(item for item in path.rglob("*") if item.is_file()):
            put(file, address if file == path else f"{address}/{file.relative_to(path).as_posix()}")
        return address

    def at(self, *names: str) -> str:
        """Returns an address for something new."""
        return "/".join((self._root, *names))

    def read(self, address: str) -> bytes:
        """Returns what a worker wrote. Raises StepFailed where it cannot be seen from here."""
        with self._seen(address), opened(address) as file:
            data: bytes = file.read()
            return data

    def fetch(self, address: str, target: Path) -> None:
        """Brings a file that workers wrote to `target`, or the files of a folder into the folder `target`."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._seen(address):
            if is_uri(address):
                copy_from(address, target)
            elif Path(address).is_dir():
                shutil.copytree(address, target, dirs_exist_ok=True)
            else:
                shutil.move(address, target)

    @contextlib.contextmanager
    def _seen(self, address: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise StepFailed(
                f"beam: the workers have written {address}, and this step does not see it. Mount the volume at the same path "
                "for both, or name a place that both see: beam.shared."
            ) from error


@contextlib.contextmanager
def shared_storage(settings: Beam, beside: Path) -> Iterator[SharedStorage]:
    """Gives the place where a step meets its workers, empty, and removes it afterwards: in `beam.shared`, or beside an output."""
    name = f"stellwerk-{uuid.uuid4().hex}"
    root = f"{settings.shared.rstrip('/')}/{name}" if settings.shared else str(beside.resolve().parent / f".{name}")
    if not is_uri(root):
        Path(root).mkdir(parents=True)
    try:
        yield SharedStorage(root, copies=settings.shared is not None)
    finally:
        _remove(root)


def _remove(root: str) -> None:
    if not is_uri(root):
        shutil.rmtree(root, ignore_errors=True)
        return
    with contextlib.suppress(Exception):  # what is left over in a store harms no one, and the step's result is there
        FileSystems.delete([f"{root}/"])


def is_uri(address: str) -> bool:
    """Tells whether an address is in a store, and not in a folder."""
    return "://" in address


@contextlib.contextmanager
def opened(address: str) -> Iterator[IO[Any]]:
    """Opens a file for reading, its bytes as they are. Raises FileNotFoundError where there is none."""
    if not is_uri(address):
        with Path(address).open("rb") as local:
            yield local
        return
    try:
        file = FileSystems.open(address, compression_type=CompressionTypes.UNCOMPRESSED)
    except OSError as error:
        raise FileNotFoundError(str(error)) from error
    with contextlib.closing(file):
        yield file


def seen_by_worker(address: str) -> str:
    """Returns the address where this worker sees it. Raises DataError, with what to mount, where it does not."""
    there = FileSystems.exists(address) if is_uri(address) else Path(address).exists()
    if there:
        return address
    raise DataError(
        f"beam: the worker on {socket.gethostname()} does not see {address}. Mount the same volume at the same path on the "
        "workers, or name a place that the step and the workers both see: beam.shared."
    )


def put(source: Path | bytes, address: str) -> str:
    """Writes a file at an address, whole or not at all, also when two workers write the same; returns the address."""
    if is_uri(address):
        with contextlib.closing(FileSystems.create(address, compression_type=CompressionTypes.UNCOMPRESSED)) as file:
            _pour(source, file)
        return address
    target = Path(address)
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
    with aside.open("wb") as file:
        _pour(source, file)
    aside.replace(target)
    return address


def _pour(source: Path | bytes, file: Any) -> None:
    if isinstance(source, bytes):
        file.write(source)
        return
    with source.open("rb") as opened_source:
        shutil.copyfileobj(opened_source, file, _CHUNK)


@contextlib.contextmanager
def local_copy(address: str) -> Iterator[Path]:
    """Gives a folder as a path, for libraries that read no stores: the folder itself, or a copy while the block runs."""
    seen = seen_by_worker(address) if not is_uri(address) else address
    if not is_uri(seen):
        yield Path(seen)
        return
    with tempfile.TemporaryDirectory(prefix="stellwerk-") as folder:
        copy_from(address, Path(folder) / "copy")
        yield Path(folder) / "copy"


def copy_from(address: str, target: Path) -> None:
    """Copies a file, or all files below an address, from a store."""
    files = [found.path for found in FileSystems.match([f"{address}/**"])[0].metadata_list]
    for path in files or [address]:
        place = target / path.removeprefix(f"{address}/") if files else target
        place.parent.mkdir(parents=True, exist_ok=True)
        with opened(path) as source, place.open("wb") as file:
            shutil.copyfileobj(source, file, _CHUNK)
