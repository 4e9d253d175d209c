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
    stored: tuple[tuple[str, str], ...] = ()
    """What the place itself has that stands for just these bytes, by its name: generation, checksum, strong ETag. Empty where it has nothing
    as sure as that, e.g. only a time."""
    pinned: bool = False
    """Whether parts of it are put together that were asked for at different times, so that each answer has to say its state."""

    @property
    def identity(self) -> str | None:
        """A text that is the same as long as the object is; None where that cannot be told."""
        if self.version is None:
            return None
        known = f"{self.place.origin}\n{self.key}\n{self.version}\n{self.size}"
        version = dict(self.stored).get("version_id")
        return known if version is None else f"{known}\n{version}"


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

    def whole(self, item: Object) -> Object:
        """Returns an object with all that the place knows of it, where a list of objects says less.

        Raises Changed where it is not there any more.
        """
        ...

    def stream(self, item: Object, start: int, end: int | None) -> Iterator[bytes]:
        """Yields the bytes from `start` on, up to `end` (not included), in pieces of at most 8 MiB.

        Raises Changed where the object is another one by now. It may end too early, as connections do.
        """
        ...
