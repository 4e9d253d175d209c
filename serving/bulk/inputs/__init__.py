"""Opens the inputs of a bulk prediction, in any of the formats of `stellwerk.tables.formats`."""

from __future__ import annotations

import glob
from collections.abc import Collection
from pathlib import Path, PurePath

from stellwerk.errors import UsageError, did_you_mean
from stellwerk.serving.bulk.inputs.archived import ArchivedReader
from stellwerk.serving.bulk.inputs.base import BLOCK_BYTES, BadRow, Block, Cells, How, Position, Reader
from stellwerk.serving.bulk.inputs.converting import ConvertedReader
from stellwerk.serving.bulk.inputs.together import Member, TogetherReader
from stellwerk.serving.bulk.options import Format
from stellwerk.tables.dialect import Told
from stellwerk.tables.finding import files_of
from stellwerk.tables.formats import ENDINGS, FORMATS, TEXT_FIRST, is_text, kind_of, loaded, medium_of

__all__ = ["BLOCK_BYTES", "BadRow", "Block", "Cells", "Position", "Reader", "format_of", "found", "open_input"]

PACKED = (".gz", ".zst")


def format_of(path: PurePath) -> Format:
    """Returns the format of an output by the ending of its name; `.gz` and `.zst` may follow those of text formats."""
    inner = PurePath(path.stem).suffix.lower() if path.suffix.lower() in PACKED else path.suffix.lower()
    direct = {ending: one for one in TEXT_FIRST if one.written for ending in one.endings}
    found = direct.get(inner)
    if found is None or (not found.text and inner != path.suffix.lower()):
        packed = (f"{one.endings[0]}{packing}" for one in TEXT_FIRST if one.text for packing in PACKED)
        known = [*direct, *packed]
        raise UsageError(
            f"{path}: the ending does not say the format.{did_you_mean(''.join(path.suffixes[-2:]), known)} "
            f"Known: {', '.join(known)}."
        )
    return found.name


def found(path: Path) -> list[Path]:
    """Returns the files that an input means, as `ingest` finds those of a source. Raises UsageError where there are none."""
    files = files_of(path) or files_of(path, lambda file: medium_of(file) is not None)
    if files:
        return files
    if path.is_dir():
        raise UsageError(f"{path}: the folder holds no data file. Known endings: {', '.join(ENDINGS)}.")
    if glob.has_magic(str(path)):
        raise UsageError(f"{path}: no file matches the pattern. Check it, and the folder.")
    near = did_you_mean(path.name, [one.name for one in path.parent.iterdir()]) if path.parent.is_dir() else ""
    raise UsageError(f"{path}: there is no such file.{near}")


def _within(path: Path, file: Path) -> str:
    return file.relative_to(path).as_posix() if path.is_dir() else str(file)


def open_input(
    path: Path,
    told: Told = Told(),  # noqa: B008 - frozen
    floats: Collection[str] = (),
    cells: Cells = Cells(),  # noqa: B008 - frozen
    takes: Collection[str] = (),
) -> Reader:
    """Opens an input file by its ending, all data files of a folder, or those that match a pattern; pictures where these are none.

    `told` says how CSV is written, the columns `floats` are numbers that may have a fraction, `takes` are those of the model.
    Raises UsageError where there is none, DataError where it cannot be read.
    """
    files = found(path)
    medium = medium_of(Path(files[0].name))
    if medium is not None:
        many: Reader = loaded(FORMATS[medium].reader)(path, How(told, floats, cells, takes))
        return many
    if not path.is_file():
        members = [Member(_within(path, file), str(file), file) for file in files]
        return TogetherReader(path, members, lambda member: open_input(member, told, floats, cells))
    suffix, kind = path.suffix.lower(), kind_of(path.name)
    if suffix == ".zip" or (suffix in PACKED and kind is not None and not is_text(kind)):
        return ArchivedReader(path, lambda member: open_input(member, told, floats, cells))
    known = FORMATS[kind or format_of(path)]  # of an unknown ending that tells the known ones
    if known.batches:
        return ConvertedReader(path, known, cells)
    reader: Reader = loaded(known.reader)(path, How(told, floats, cells))
    return reader
