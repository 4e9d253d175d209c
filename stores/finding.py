"""What a URI of a source means: one object, all below a folder, or those that match a pattern."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import islice

from stellwerk.errors import DataError, did_you_mean
from stellwerk.spec.data import Source
from stellwerk.spec.places import scheme_of
from stellwerk.stores import opened
from stellwerk.stores.base import Object, Store, StoreError
from stellwerk.stores.patience import patiently

NEIGHBOURS = 1000
"""Names that are looked at for one that was probably meant."""


def objects(name: str, uri: str, source: Source, is_data: Callable[[str], bool]) -> list[Object]:
    """Returns the objects that `uri` of source `name` means, sorted as files are: folder by folder.

    `is_data` tells of a name below a folder whether it is data. Raises DataError for what is not there, may not be read,
    or cannot be reached after several attempts.
    """
    shown = uri.partition("?")[0] if scheme_of(uri) in ("http", "https") else uri
    try:
        store, key = opened(uri, source)
        found = patiently(lambda: _objects(store, key, is_data))
        if found:
            return found
        advice = patiently(lambda: _advice(store, key, scheme_of(uri)))
    except StoreError as error:
        raise DataError.of_source(name, f"{shown}: {error}.") from error
    raise DataError.of_source(name, f"{shown}: {advice}")


def _objects(store: Store, key: str, is_data: Callable[[str], bool]) -> list[Object]:
    single = None if key.endswith("/") else store.find(key)
    if single is not None:
        return [single]
    if glob.has_magic(key):
        matching = (item for item in store.below(_fixed(key)) if matches(item.key, key))
    else:
        folder = key.rstrip("/") + "/" if key.strip("/") else ""
        matching = (item for item in store.below(folder) if is_data(item.key[len(folder) :]))
    return sorted((item for item in matching if not item.key.endswith("/")), key=lambda item: item.key.split("/"))


def _fixed(pattern: str) -> str:
    """Returns the folders in front of the first that has a wildcard."""
    parts = pattern.split("/")
    first = next(at for at, part in enumerate(parts) if glob.has_magic(part))
    return "/".join([*parts[:first], ""]) if first else ""


def matches(key: str, pattern: str) -> bool:
    """Tells whether a name matches a pattern as files do: `*` stops at a slash, `**` does not, neither begins a hidden name."""
    return _matches(key.split("/"), pattern.split("/"))


def _matches(parts: Sequence[str], patterns: Sequence[str]) -> bool:
    if not patterns:
        return not parts
    if patterns[0] == "**":
        if len(patterns) == 1:
            return not any(part.startswith(".") for part in parts)
        hidden = next((at for at, part in enumerate(parts) if part.startswith(".")), len(parts))
        return any(_matches(parts[skipped:], patterns[1:]) for skipped in range(hidden + 1))
    if not parts or (parts[0].startswith(".") and not patterns[0].startswith(".")):
        return False
    return fnmatchcase(parts[0], patterns[0]) and _matches(parts[1:], patterns[1:])


def _advice(store: Store, key: str, scheme: str) -> str:
    if scheme in ("http", "https"):
        if glob.has_magic(key.partition("?")[0]):
            return "the web cannot be searched by a pattern. List the URLs of the files."
        return "there is no such file. Check the URL; a folder cannot be listed over the web."
    if glob.has_magic(key):
        return "nothing matches the pattern. Check it, and the names there."
    parent = key.rstrip("/").rpartition("/")[0]
    folder = f"{parent}/" if parent else ""
    near = did_you_mean(key.rstrip("/"), _neighbours(store.below(folder), folder))
    return f"there is no such object, and no data file below it.{near} Check `path` of the source."


def _neighbours(listed: Iterable[Object], folder: str) -> Iterator[str]:
    """Yields the names in a folder, those of its own folders too."""
    seen = {folder + item.key[len(folder) :].partition("/")[0] for item in islice(listed, NEIGHBOURS)}
    yield from sorted(seen)
