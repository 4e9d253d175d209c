"""Files that are packed as no reader takes them: the members of a zip, one behind the other, or a packed Parquet file."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from stellwerk.serving.bulk.inputs.base import Reader
from stellwerk.serving.bulk.inputs.copying import unpacked
from stellwerk.serving.bulk.inputs.together import Member, TogetherReader
from stellwerk.tables.archives import unzipped
from stellwerk.tables.formats import inner_name


class ArchivedReader(TogetherReader):
    """Reads all data files of an archive as one table, in the order of their names, as `ingest` does."""

    def __init__(self, path: Path, open_member: Callable[[Path], Reader]) -> None:
        """Unpacks the files to a folder that `close` removes. Raises DataError where they are not one table."""
        self._folder = tempfile.TemporaryDirectory(prefix="stellwerk-predict-")
        try:
            found = list(_unpacked(path, Path(self._folder.name)))
            super().__init__(path, [Member(name, f"{path}: {name}", file) for name, file in found], open_member)
        except BaseException:
            self._folder.cleanup()
            raise

    def close(self) -> None:
        """Removes the unpacked files."""
        super().close()
        self._folder.cleanup()


def _unpacked(path: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    if path.suffix.lower() == ".zip":
        yield from unzipped(path, str(path), folder)
        return
    target = folder / inner_name(path.name)
    with unpacked(path) as stream, target.open("wb") as to:
        shutil.copyfileobj(stream, to, 1 << 20)
    yield target.name, target
