"""HDFS: `hdfs://namenode:port/path`, by Arrow's file system over Hadoop's own client library (libhdfs).

`hdfs:///path` asks the name node that Hadoop's configuration names; `HADOOP_USER_NAME` and Kerberos' tickets say who asks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from stellwerk.stores.base import Access, Changed, Interrupted, Object, StoreError

PIECE = 8 << 20
PORT = 8020
"""Port of a name node where the URI has none."""
CLIENT = ("libhdfs", "libjvm", "hadoop_home", "java_home", "classpath")


def store(scheme: str, host: str, access: Access) -> FileSystem:  # noqa: ARG001 - there is one scheme
    """Returns the file system. Raises StoreError where Hadoop's client is not installed."""
    from pyarrow import fs  # noqa: PLC0415

    name, _, port = host.partition(":")
    try:
        return FileSystem(f"hdfs://{host}", fs.HadoopFileSystem(name or "default", int(port or (PORT if name else 0))))
    except ValueError as error:
        raise StoreError(f"'{host}' is no host and port. Write hdfs://HOST:PORT/PATH") from error
    except OSError as error:
        if any(part in str(error).lower() for part in CLIENT):
            raise StoreError(
                f"Hadoop's client is not installed here ({_said(error)}). Install Hadoop and Java, and set HADOOP_HOME, "
                "JAVA_HOME and CLASSPATH (`hadoop classpath --glob`), or copy the data to a bucket"
            ) from error
        raise Interrupted(f"cannot be reached ({_said(error)}). Check the host, the port and the network") from error


class FileSystem:
    """A file system of Arrow, whose files are known by size and time of change."""

    def __init__(self, origin: str, system: Any) -> None:
        self.origin, self._system = origin, system

    def find(self, key: str) -> Object | None:
        """Asks for size and time of a file."""
        with _told():
            (found,) = self._system.get_file_info([f"/{key}"])
            return self._object(found) if found.is_file else None

    def below(self, prefix: str) -> Iterator[Object]:
        """Lists a folder and all below it."""
        from pyarrow import fs  # noqa: PLC0415

        folder = f"/{prefix.rpartition('/')[0]}"
        with _told():
            listed = self._system.get_file_info(fs.FileSelector(folder, recursive=True, allow_not_found=True))
        for found in listed:
            if found.is_file and found.path.lstrip("/").startswith(prefix):
                yield self._object(found)

    def _object(self, found: Any) -> Object:
        key = found.path.lstrip("/")
        return Object(f"{self.origin}/{key}", key, found.base_name, found.size, str(found.mtime_ns), self)

    def whole(self, item: Object) -> Object:
        """Returns it: a list says all."""
        return item

    def stream(self, item: Object, start: int, end: int | None) -> Iterator[bytes]:
        """Reads by pieces of 8 MiB."""
        with _told():
            if self.find(item.key) != item:
                raise Changed
            with self._system.open_input_file(f"/{item.key}") as file:
                file.seek(start)
                left = (item.size or 0) - start if end is None else end - start
                while left > 0 and (piece := file.read(min(PIECE, left))):
                    left -= len(piece)
                    yield piece


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise Changed from error
    except PermissionError as error:
        raise StoreError(f"it may not be read by this user ({_said(error)}). Ask for the right to read it") from error
    except OSError as error:
        raise Interrupted(f"cannot be reached ({_said(error)}). Check the name node and the network") from error


def _said(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
