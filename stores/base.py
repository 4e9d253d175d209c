"""What every store has in common: it is listed, and its objects are read in parts that are of one state. Some can be written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol


class StoreError(Exception):
    """A store said no: the reason and what to do, as a sentence without a full stop."""


class Interrupted(StoreError):
    """What failed may work in a moment: no connection, a busy server. It is tried again."""


class Changed(StoreError):
    """An object is not the one any more that was listed."""

    def __init__(self) -> None:
        super().__init__("it was changed while it was read. Run again once nobody writes it")


@dataclass(frozen=True)
class Access:
    """How a store is to be reached, and what for: its refusals say what to do about that."""

    endpoint: str | None = None
    """URL of the server, where it is not the one that the store's own library takes from the environment."""
    anonymous: bool = False
    """Whether it is asked without credentials."""
    pushing: bool = False
    """Whether models are written there; else it is only read."""


@dataclass(frozen=True)
class Object:
    """One object of a store, as it is at this moment."""

    uri: str
    """What messages and the manifest call it: without a query, which may hold a signature."""
    key: str
    """What its store calls it."""
    name: str
    """File name; it ends as its format does."""
    size: int | None
    """Bytes as they are stored; None where the store does not say."""
    version: str | None
    """Another one means other bytes: generation, ETag, or time of the last change. None where the store says nothing."""
    store: Store = field(compare=False, repr=False)
    by_parts: bool = True
    """Whether a part from the middle can be asked for."""
    crc32c: str | None = None
    """Checksum of the bytes in base64, where the store gives it."""
    stored: tuple[tuple[str, str], ...] = ()
    """What the store itself has that stands for just these bytes, by its name: generation, checksum, strong ETag. Empty where it has nothing
    as sure as that, e.g. only a time."""
    pinned: bool = False
    """Whether parts of it are put together that were asked for at different times, so that each answer has to say its state."""
    written: datetime | None = field(default=None, compare=False)
    """When it was, where the store says."""

    @property
    def identity(self) -> str | None:
        """A text that is the same as long as the object is; None where that cannot be told."""
        if self.version is None:
            return None
        known = f"{self.store.origin}\n{self.key}\n{self.version}\n{self.size}"
        version = dict(self.stored).get("version_id")
        return known if version is None else f"{known}\n{version}"


class Store(Protocol):
    """A bucket, a server, a file system. What fails raises StoreError, or Interrupted where it may pass: nothing is tried again here."""

    origin: str
    """Which one it is: no two with other objects have the same."""

    def find(self, key: str) -> Object | None:
        """Returns the object with that name, or None."""
        ...

    def below(self, prefix: str) -> Iterator[Object]:
        """Yields every object whose name begins with `prefix`."""
        ...

    def whole(self, item: Object) -> Object:
        """Returns an object with all that the store knows of it, where a list of objects says less.

        Raises Changed where it is not there any more.
        """
        ...

    def stream(self, item: Object, start: int, end: int | None) -> Iterator[bytes]:
        """Yields the bytes from `start` on, up to `end` (not included), in pieces of at most 8 MiB.

        Raises Changed where the object is another one by now. It may end too early, as connections do.
        """
        ...


class WritableStore(Store, Protocol):
    """A store that models can be pushed to. Its objects say when they were written."""

    def create(self, key: str, content: bytes) -> bool:
        """Writes an object unless there is one of that name; tells whether it did. No two callers are told True."""
        ...

    def upload(self, key: str, file: Path) -> None:
        """Writes an object from a file; the store checks what arrived."""
        ...

    def holds(self, key: str, file: Path) -> bool | None:
        """Tells by the checksum that the store took of what it keeps whether an object has the bytes of a file; None: it has none."""
        ...

    def copy(self, source: str, key: str) -> None:
        """Copies an object inside the store."""
        ...

    def remove(self, key: str) -> None:
        """Removes an object; one that is gone already is no error."""
        ...
