"""Finds the files of a source, on this machine and elsewhere."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from stellwerk.components.artifacts.file_states import State, state
from stellwerk.components.ingestion.labels import Origin, label_of
from stellwerk.components.ingestion.roots import below, roots_of
from stellwerk.components.ingestion.unpacking import opened
from stellwerk.errors import DataError, about_source, did_you_mean
from stellwerk.progress import Progress, silent
from stellwerk.spec.data import Format, Source
from stellwerk.spec.places import scheme_of
from stellwerk.stores.base import Object
from stellwerk.stores.fetching import fetched, plain_name
from stellwerk.stores.finding import objects
from stellwerk.stores.reading import AHEAD, SCHEME, InPlace, settled
from stellwerk.stores.sampling import CODECS, sampled
from stellwerk.tables.finding import files_of
from stellwerk.tables.formats import ENDINGS, FORMATS, inner_name, is_data, is_medium, kind_of

GLANCED = 4
"""Objects of a source that a look at the data opens."""


@dataclass(frozen=True)
class File:
    """One file of a source: where its bytes come from, and the file that a reader opens."""

    origin: Path | InPlace
    """The file as it lies on disk, perhaps packed; of an object the copy, or the object itself where it is read in place."""
    readable: Path | InPlace
    """The file to read; `origin` itself unless it had to be unpacked."""
    label: str
    """What messages and the manifest call it: relative to the spec where it is below the spec's folder; of an object its URI."""
    delimiter: str
    """What separates values if it is CSV and the spec does not say."""
    below: str = ""
    """Of a file that is a row: its path below the folder that the source begins at."""

    @property
    def address(self) -> str:
        """What SQL calls the file to read."""
        return self.readable.address if isinstance(self.readable, InPlace) else str(self.readable)

    @property
    def size(self) -> int:
        """Bytes of the file to read."""
        return self.readable.size if isinstance(self.readable, InPlace) else self.readable.stat().st_size

    @property
    def packed(self) -> bool:
        """Whether the file to read is packed, for the reader to unpack."""
        return PurePosixPath(self.address).suffix.lower() in CODECS

    @contextmanager
    def unpacked(self) -> Iterator[Any]:
        """Opens the file to read as a stream of unpacked bytes."""
        import pyarrow as pa  # noqa: PLC0415 - finding files needs none of it

        if isinstance(self.readable, Path):
            with pa.input_stream(str(self.readable), compression="detect") as stream:
                yield stream
            return
        codec = CODECS.get(PurePosixPath(self.address).suffix)
        with self.readable.open() as file:
            if codec is None:
                yield file
            else:
                with pa.CompressedInputStream(pa.PythonFile(file, mode="r"), codec) as stream:
                    yield stream

    def lines(self) -> Iterator[bytes]:
        """Yields the unpacked lines, each with the line feed that ends it: the last one may have none."""
        with self.unpacked() as stream:
            rest = b""
            while chunk := stream.read(1 << 20):
                *whole, rest = (rest + chunk).split(b"\n")
                yield from (line + b"\n" for line in whole)
            if rest:
                yield rest


@dataclass(frozen=True)
class Found:
    """The files of a source and their format."""

    format: Format
    files: tuple[File, ...]
    cut: bool = False
    """Whether these are only the beginnings of some of the files, for a look at the data."""
    origins: tuple[Origin, ...] = ()
    """What the source names, in order."""
    before: Mapping[Path, State] = field(default_factory=dict)
    """How those of this machine looked before anything of them was read."""
    roots: tuple[str, ...] = ()
    """Where the files begin that are rows."""

    @property
    def in_place(self) -> list[InPlace]:
        """The objects that are read where they lie."""
        return [file.readable for file in self.files if isinstance(file.readable, InPlace)]


def find(
    name: str,
    source: Source,
    directory: Path,
    scratch: Path,
    limit: int | None = None,
    *,
    kept: Path | None = None,
    progress: Progress = silent,
) -> Found:
    """Finds the files of source `name`; paths start at `directory`, unpacked files go to `scratch`.

    Objects are copied below `kept`, or to `scratch`, unless they are read in place. With `limit`, only about so many bytes are unpacked of each file, for
    a look at the data, and of objects only the beginning of the first few is asked for. Raises DataError for a path that
    leads nowhere, an empty file, an unknown ending, and formats mixed in one source.
    """
    files: list[File] = []
    formats: dict[Format, str] = {}
    there = origins(name, source, directory)
    rows = is_media(source)
    roots = roots_of(source, directory) if rows else []
    before = {origin: state(origin) for origin in there if isinstance(origin, Path)}
    for origin in () if rows else there:
        if (origin.size if isinstance(origin, Object) else origin.stat().st_size) == 0:
            label = label_of(origin, directory)
            raise DataError.of_source(name, f"{label} is empty: 0 bytes. Give a file with data, or leave it out.")
    cut = False
    if limit is None:
        wanted = [origin for origin in there if isinstance(origin, Object) and source.access == "copy"]
        copies = fetched(name, wanted, kept or scratch / "objects", progress) if wanted else {}
    else:
        there, copies, cut = _glanced(name, source, there, scratch, limit)
    for number, origin in enumerate(there):
        label = label_of(origin, directory)
        if isinstance(origin, Object) and origin not in copies:
            kind = source.format or _format(origin.name, name, label)
            formats.setdefault(kind, label)
            lying = InPlace(origin, name, f"{SCHEME}://{name}/{number:05}/{plain_name(origin)}", AHEAD[kind])
            files.append(File(lying, lying, label, _delimiter(origin.name)))
            continue
        path = copies[origin] if isinstance(origin, Object) else origin
        if rows and source.format is not None:
            formats.setdefault(source.format, label)
            files.append(File(path, path, label, "", below(label, roots)))
            continue
        with about_source(name):
            for inner, readable in opened(path, label, source.format, scratch / f"{name}-{number}", limit):
                kind = source.format or _format(inner, name, label)
                formats.setdefault(kind, label)
                files.append(File(path, readable, label, _delimiter(inner)))
    if len(formats) > 1:
        mixed = ", ".join(f"{kind} ({label})" for kind, label in formats.items())
        raise DataError.of_source(
            name, f"formats are mixed: {mixed}. Make one source of each format and join them in the query."
        )
    return Found(next(iter(formats)), tuple(files), cut, tuple(there), before, tuple(roots))


def is_media(source: Source) -> bool:
    """Tells whether each file of a source is a row."""
    return source.format is not None and bool(FORMATS[source.format].media)


def _delimiter(name: str) -> str:
    return "\t" if name.removesuffix(".gz").endswith(".tsv") else ","


def _glanced(
    name: str, source: Source, there: list[Origin], scratch: Path, limit: int
) -> tuple[list[Origin], dict[Object, Path], bool]:
    """Leaves the first few objects, and returns a small file for each, and whether anything was left out."""
    remote = [origin for origin in there if isinstance(origin, Object)]
    chosen = dict.fromkeys(remote[:GLANCED])
    cut = len(chosen) < len(remote)
    copies: dict[Object, Path] = {}
    for number, item in enumerate(chosen):
        kind = source.format or kind_of(item.name)
        whole = item.size is not None and item.size <= limit
        path = None
        if kind is not None and not FORMATS[kind].at_a_glance:
            path = scratch / item.name  # its columns show when it is read, so a look reads nothing
        elif not whole:
            path = sampled(name, item, kind, scratch / "samples" / f"{name}-{number}", limit)
            cut = cut or path is not None
        copies[item] = path or fetched(name, [item], scratch / "objects")[item]
    return [origin for origin in there if isinstance(origin, Path) or origin in copies], copies, cut


def origins(name: str, source: Source, directory: Path) -> list[Origin]:
    """Returns the files on disk, and objects of other places, perhaps packed, that source `name` means.

    Their bytes decide what is ingested. Raises DataError for a path that leads nowhere and a place that cannot be read.
    """
    return [origin for pattern in source.paths for origin in _matches(name, pattern, source, directory)]


def _matches(name: str, pattern: str, source: Source, directory: Path) -> list[Origin]:
    scheme = scheme_of(pattern)
    known = FORMATS[source.format].media if source.format else ()
    wanted: Callable[[Path | PurePosixPath], bool] = partial(is_medium, endings=known) if known else is_data
    if scheme not in ("", "file"):
        listed = objects(name, pattern, source, lambda path: wanted(PurePosixPath(path)))
        return list(listed if source.access == "copy" else settled(name, listed, source.format))
    if scheme:
        pattern = pattern.partition("://")[2]
    path = directory / pattern
    found = files_of(path, wanted)
    if found:
        return list(found)
    if path.is_dir():
        raise DataError.of_source(
            name, f"folder '{pattern}' holds no data file. Known endings: {', '.join(known or ENDINGS)}."
        )
    if glob.has_magic(pattern):
        raise DataError.of_source(
            name, f"no file matches '{pattern}' in {directory}. Check the pattern and the folder."
        )
    beside = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
    near = did_you_mean(path.name, beside)
    raise DataError.of_source(
        name, f"no such file: '{pattern}' (looked in {path.parent}).{near} Check `path` of the source."
    )


def _format(inner: str, name: str, label: str) -> Format:
    kind = kind_of(inner)
    if kind is None:
        suffix, known = PurePosixPath(inner_name(inner)).suffix.lower(), ", ".join(ENDINGS)
        raise DataError.of_source(
            name, f"{label}: unknown ending '{suffix}'. Give the source a `format`, or use one of {known}."
        )
    return kind
