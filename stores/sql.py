"""Gives the engine objects as files, by a file system of fsspec: it reads Parquet, CSV and JSONL from them as from a disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, BinaryIO

import duckdb
from fsspec import AbstractFileSystem

from stellwerk.stores.reading import SCHEME, InPlace


class ObjectFiles(AbstractFileSystem):  # type: ignore[misc]
    """A file system of just those objects; nothing can be listed or written."""

    protocol = SCHEME
    cachable = False

    def __init__(self, files: Iterable[InPlace]) -> None:
        super().__init__()
        self._files = {file.address: file for file in files}

    def open(self, path: str, mode: str = "rb", **_: Any) -> BinaryIO:
        """Opens an object by its address."""
        if mode != "rb":
            raise PermissionError(f"{path} is only read")
        return self._files[path].open()

    def size(self, path: str) -> int:
        """Bytes as they are stored."""
        return self._files[path].size

    def exists(self, path: str, **_: Any) -> bool:
        """Tells whether there is an object of that address."""
        return path in self._files

    def glob(self, path: str, **_: Any) -> list[str]:
        """Returns the object of that address: none of them is a pattern."""
        return [path] if path in self._files else []

    def modified(self, path: str) -> datetime:  # noqa: ARG002 - an object that changes is not read any more
        """Returns one and the same time."""
        return datetime(2000, 1, 1, tzinfo=UTC)


@contextmanager
def served(connection: duckdb.DuckDBPyConnection, files: Iterable[InPlace]) -> Iterator[None]:
    """Lets SQL read objects under their addresses. The engine keeps no copies of their parts: memory stays flat."""
    connection.execute("SET enable_external_file_cache = false")
    connection.register_filesystem(ObjectFiles(files))
    try:
        yield
    finally:
        connection.unregister_filesystem(SCHEME)
