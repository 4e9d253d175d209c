"""What every place has in common that sources may lie at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol


class PlaceError(Exception):
    """A place said no: the reason and what to do, as a sentence without a full stop."""


class Interrupted(PlaceError):
    """What failed may work in a moment: no connection, a busy server. It is tried again."""


class Changed(PlaceError):
    """An object is not the one any more that was listed."""

    def __init__(self) -> None:
        super().__init__("it was changed while it was read. Run again once nobody writes it")


@dataclass(frozen=True)
class Object:
    """One object of a place, as it is at this moment."""

    uri: str
    """What messages and the manifest call it: without a query, which may hold a signature."""
    key: str
    """What its place calls it."""
    name: str
    """File name; it ends as its format does."""
    size: int | None
    """Bytes as they are stored; None where the place does not say."""
    version: str | None
    """Another one means other bytes: generation, ETag, or time of the last change. None where the place says nothing."""
    place: Place = field(compare=False, repr=False)
    by_parts: bool = True
    """Whether a part from the middle can be asked for."""
    crc32c: str | None = None
    """Checksum of the bytes in base64, where the place gives it."""

    @property
    def identity(self) -> str | None:
        """A text that is the same as long as the object is; None where that cannot be told."""
        return None if self.version is None else f"{self.place.origin}\n{self.key}\n{self.version}\n{self.size}"


class Place(Protocol):
    """A bucket, a server, a file system. What fails raises PlaceError, or Interrupted where it may pass."""

    origin: str
    """Which place it is: no two places with other objects have the same."""

    def find(self, key: str) -> Object | None:
        """Returns the object with that name, or None."""
        ...

    def below(self, prefix: str) -> Iterator[Object]:
        """Yields every object whose name begins with `prefix`."""
        ...

    def stream(self, item: Object, start: int, end: int | None) -> Iterator[bytes]:
        """Yields the bytes from `start` on, up to `end` (not included), in pieces of at most 8 MiB.

        Raises Changed where the object is another one by now. It may end too early, as connections do.
        """
        ...
