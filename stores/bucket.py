"""A store that is written: objects by their names, everything asked again that fails and may pass."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from stellwerk.stores.base import Changed, Object, WritableStore
from stellwerk.stores.copying import copied, file_digest, object_digest
from stellwerk.stores.patience import patiently, pieces


@dataclass(frozen=True)
class Bucket:
    """What a push needs of a store. Every method raises StoreError."""

    store: WritableStore

    def changed(self, prefix: str) -> dict[str, datetime]:
        """Returns the names that begin with `prefix`, and when each was written."""
        listed = patiently(lambda: list(self.store.below(prefix)))
        return {item.key: item.written or datetime.now(UTC) for item in listed}

    def read(self, name: str) -> bytes:
        """Returns the bytes of an object."""
        return b"".join(pieces(self._found(name)))

    def digest(self, name: str) -> str:
        """Returns the SHA-256 of an object, which is read for it."""
        return object_digest(self._found(name))

    def download(self, name: str, file: Path) -> None:
        """Writes an object to a file."""
        copied(self._found(name), file)

    def create(self, name: str, content: bytes) -> bool:
        """Writes an object unless there is one of that name; tells whether it did. No two callers are told True."""
        return patiently(lambda: self.store.create(name, content))

    def upload(self, name: str, file: Path) -> None:
        """Writes an object from a file; the store checks what arrived."""
        patiently(lambda: self.store.upload(name, file))

    def holds(self, name: str, file: Path) -> bool:
        """Tells whether an object has just the bytes of a file: by the checksum that the store took of what it keeps, or else by reading it."""
        known = patiently(lambda: self.store.holds(name, file))
        return self.digest(name) == file_digest(file) if known is None else known

    def copy(self, source: str, name: str) -> None:
        """Copies an object inside the store."""
        patiently(lambda: self.store.copy(source, name))

    def remove(self, names: Iterable[str]) -> None:
        """Removes objects; those that are gone already are no error."""
        for name in names:
            patiently(lambda name=name: self.store.remove(name))  # type: ignore[misc]

    def _found(self, name: str) -> Object:
        item = patiently(lambda: self.store.find(name))
        if item is None:
            raise Changed
        return item
