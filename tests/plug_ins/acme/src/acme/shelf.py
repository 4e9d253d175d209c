"""The store `shelf`: `shelf://PLACE/NAME` is a file below the folder $ACME_SHELF."""

import datetime
import os
from dataclasses import dataclass
from pathlib import Path

from stellwerk.stores.base import Object, StoreError


def store(scheme, host, access):
    """Returns one place of the shelf; nothing is asked yet."""
    return Shelf(f"{scheme}://{host}", Path(os.environ.get("ACME_SHELF", "/nowhere")) / host)


@dataclass(frozen=True)
class Shelf:
    """A place with objects that are files."""

    origin: str
    folder: Path

    def find(self, key):
        """Returns the object with that name, or None."""
        path = self.folder / key
        if not path.is_file():
            return None
        about = path.stat()
        written = datetime.datetime.fromtimestamp(about.st_mtime, datetime.UTC)
        version = str(about.st_mtime_ns)
        return Object(f"{self.origin}/{key}", key, path.name, about.st_size, version, self, written=written)

    def below(self, prefix):
        """Yields every object whose name begins so."""
        if not self.folder.is_dir():
            raise StoreError(f"there is no {self.folder}. Set ACME_SHELF to the folder of the shelf")
        for path in sorted(self.folder.rglob("*")):
            key = path.relative_to(self.folder).as_posix()
            if path.is_file() and key.startswith(prefix):
                yield self.find(key)

    def whole(self, item):
        """Returns the object: a list says all of it."""
        return item

    def stream(self, item, start, end):
        """Yields the bytes of an object."""
        with (self.folder / item.key).open("rb") as file:
            file.seek(start)
            left = (item.size if end is None else end) - start
            while left > 0 and (piece := file.read(min(left, 8 << 20))):
                left -= len(piece)
                yield piece
