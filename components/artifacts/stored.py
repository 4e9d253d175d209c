"""Files of an artifact in an object store, read where they lie: nothing is copied, and each is the same from the first read to the last."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from stellwerk.errors import DataError
from stellwerk.stores import Object, Store, StoreError, opened
from stellwerk.stores.patience import patiently
from stellwerk.stores.reading import InPlace

AHEAD = 1 << 20
"""Bytes that one request brings at least, once a file is read on."""


class Reached:
    """A bucket as this process reaches it: clients of stores go through no fork and into no pickle."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._here: tuple[int, Store] | None = None

    def store(self) -> Store:
        """Returns the bucket, with a client of this process. Raises StoreError where its library is missing."""
        if self._here is None or self._here[0] != os.getpid():
            self._here = os.getpid(), opened(self.uri)[0]
        return self._here[1]

    def __getstate__(self) -> dict[str, Any]:
        """Leaves the client behind."""
        return {"uri": self.uri, "_here": None}


@dataclass(frozen=True)
class StoredFile:
    """One object, in the state that it had when it was found."""

    uri: str
    key: str
    size: int
    version: str
    bucket: Reached = field(compare=False, repr=False)

    def open(self) -> BinaryIO:
        """Opens it; its reads ask for parts, and raise DataError where they fail or the object is another one by now."""
        name = self.key.rpartition("/")[2]
        item = Object(self.uri, self.key, name, self.size, self.version, self.bucket.store(), pinned=True)
        return InPlace(item, "examples", self.uri, AHEAD).open()


def stored_files(uri: str) -> dict[str, StoredFile]:
    """Returns the files below `uri` by their names there, in one request for every thousand.

    Endpoint and credentials are those of the environment, as for sources. Raises DataError where the store says no, or
    nothing would tell that one of the objects changes.
    """
    bucket, below = Reached(uri), uri.rstrip("/") + "/"
    try:
        key = below.partition("://")[2].partition("/")[2]
        found = patiently(lambda: list(bucket.store().below(key)))
        return {item.key.removeprefix(key): _pinned(item, bucket) for item in found}
    except StoreError as error:
        raise DataError(f"examples: {uri}: {error}.") from error


def _pinned(item: Object, bucket: Reached) -> StoredFile:
    if not item.stored or item.size is None or item.version is None:
        raise StoreError(
            f"the server gives {item.name} no strong ETag and no version, so that nobody could tell whether it changes "
            "while it is read in place. Take `cluster.examples: copy`"
        )
    return StoredFile(item.uri, item.key, item.size, item.version, bucket)
