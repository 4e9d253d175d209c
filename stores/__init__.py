"""Object stores, the web and HDFS: one module a store, with one client for all that is read from it and written to it."""

from __future__ import annotations

from typing import Any, cast

from stellwerk.spec.data import Source
from stellwerk.spec.places import STORES, place_of, scheme_of
from stellwerk.stores.base import Access, Interrupted, Object, Store, StoreError, WritableStore

WRITING = ("create", "upload", "holds", "copy", "remove")
"""What a store has besides where models can be pushed to it."""


def opened(uri: str, source: Source | None = None) -> tuple[Store, str]:
    """Returns the store that a URI names, to read from it, and the name there.

    `source` says how it is reached, where that is not as everywhere. Raises StoreError where its library is missing.
    """
    access = Access() if source is None else Access(source.endpoint, source.credentials == "anonymous")
    scheme, host, key = place_of(uri)
    return cast("Store", _made(scheme, host, access)), key


def writable(uri: str) -> tuple[WritableStore, str]:
    """Returns the store that a URI names, to push to it, and the name there, without slashes around it.

    Raises StoreError where its library is missing, or it cannot be written.
    """
    scheme = scheme_of(uri)
    host, _, key = uri.partition("://")[2].partition("/")
    found = _made(scheme, host, Access(pushing=True))
    if not all(hasattr(found, method) for method in WRITING):
        raise StoreError(f"{scheme}:// is only read. Choose another push.to")
    return cast("WritableStore", found), key.strip("/")


def _made(scheme: str, host: str, access: Access) -> Any:
    return STORES.module(scheme).store(scheme, host, access)


__all__ = [
    "STORES",
    "Access",
    "Interrupted",
    "Object",
    "Store",
    "StoreError",
    "WritableStore",
    "opened",
    "writable",
]
