"""Files as rows: each is read, decoded once, and measured; what is no picture is set aside with its reason."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stellwerk.columns import BYTES, MEDIA, REFERENCE, URI
from stellwerk.components.ingestion.media.members import Member, is_archive, members
from stellwerk.components.ingestion.media.telling import Told
from stellwerk.components.ingestion.sources.base import Reject, Request, Table
from stellwerk.components.ingestion.sources.conversion import of_files
from stellwerk.errors import DataError
from stellwerk.machine import available_cores
from stellwerk.media.limits import Room, Unreadable
from stellwerk.media.pictures import Picture, standardised

MOST_THREADS = 8
AHEAD = 4
"""Files for each thread that are read before they are wanted."""
HELD_BYTES = 256 << 20
"""Bytes of files, as they lie, that are held at a time; a single one may be more."""
GROUP_ROWS = 1024
LOOKED_AT = 48
"""Pictures that a look at the data decodes."""

_ARROW = {"VARCHAR": pa.string(), "BIGINT": pa.int64(), "FLOAT": pa.float32()}
KEPT = {"copy": BYTES, "reference": REFERENCE}
"""The type of a column of pictures, by what a source says of `keep`."""


def _schema(facts: Mapping[str, str]) -> pa.Schema:
    """`bytes` and `digest` are those of the file as it lies, those in `content` of the standard form."""
    return pa.schema(
        {
            "file": pa.string(),
            "folder": pa.string(),
            "content": pa.struct([(fact, _ARROW[kind]) for fact, kind in facts.items()]),
            "bytes": pa.int64(),
            "digest": pa.string(),
        }
    )


def open_table(request: Request) -> Table:
    """Reads pictures; their bytes go to the request's contents. Raises DataError where there is none, and for damaged archives."""
    reading = _Reading(request)
    path = request.scratch / f"{request.name}-pictures.parquet"
    schema = _schema(reading.facts)
    with pq.ParquetWriter(path, schema, compression="snappy") as writer:
        for rows in reading.batches():
            writer.write_table(pa.Table.from_pylist(rows, schema), row_group_size=len(rows))
    if not reading.told.rows:
        raise DataError.of_source(request.name, reading.told.nothing(request.files[0].label))
    table = of_files(request, [str(path)], reading.told.rows, {})
    return Table(
        table.sql,
        rows=table.rows,
        files=table.files,
        notes=tuple(reading.told.sentences(request.name)),
        rejects=lambda: iter(reading.rejects),
        whole=reading.whole,
        told=reading.told.as_json(),
    )


@dataclass
class _Reading:
    request: Request
    told: Told = field(default_factory=Told)
    rejects: list[Reject] = field(default_factory=list)
    listed: list[dict[str, Any]] = field(default_factory=list)
    """Rows of the files that were not looked at, where these are wanted."""
    whole: bool = True

    def batches(self) -> Iterator[list[dict[str, Any]]]:
        """Yields the rows of the files that are pictures, in order."""
        rows: list[dict[str, Any]] = []
        for member, found in self._read():
            if isinstance(found, Unreadable):
                row = {"file": member.file, "bytes": member.size}
                self.rejects.append(Reject(self.request.name, member.label, None, str(found), row))
                self.told.rejected[str(found)] += 1
                continue
            picture, digest = found
            self._keep(member, picture, digest)
            self.told.add(member.file, picture)
            rows.append(self._row(member, picture, digest))
            if len(rows) == GROUP_ROWS:
                yield rows
                rows = []
        self.told.rows += len(self.listed)
        if rows or self.listed:
            yield rows + self.listed

    @property
    def facts(self) -> dict[str, str]:
        """What SQL sees of a picture, and of which type."""
        return MEDIA["image"].known(KEPT[self.request.source.keep])

    def _keep(self, member: Member, picture: Picture, digest: str) -> None:
        contents = self.request.contents
        if contents is None:
            return
        if self.request.source.keep == "copy":
            contents.add(picture.digest, picture.content)
        else:
            contents.refer(picture.digest, picture.content, member.uri, digest)

    def _row(self, member: Member, picture: Picture, digest: str) -> dict[str, Any]:
        known = {**vars(picture), **asdict(picture.measures), "bytes": len(picture.content), URI: member.uri}
        return {
            "file": member.file,
            "folder": member.folder,
            "content": {fact: known[fact] for fact in self.facts},
            "bytes": member.size,
            "digest": digest,
        }

    def _read(self) -> Iterator[tuple[Member, tuple[Picture, str] | Unreadable]]:
        """Decodes on several threads, a few files ahead, and keeps the order."""
        room, threads = Room(), min(available_cores(), MOST_THREADS)
        pending: deque[tuple[Member, Future[tuple[Picture, str] | Unreadable]]] = deque()
        held = 0
        with ThreadPoolExecutor(threads, thread_name_prefix="pictures") as pool:
            try:
                for member in self._wanted():
                    while pending and (len(pending) >= AHEAD * threads or held + member.size > HELD_BYTES):
                        first, future = pending.popleft()
                        held -= first.size
                        yield first, future.result()
                    content = member.read() if member.packed else None
                    pending.append((member, pool.submit(_decoded, member, content, room)))
                    held += member.size
                while pending:
                    first, future = pending.popleft()
                    yield first, future.result()
            finally:
                pool.shutdown(cancel_futures=True)

    def _wanted(self) -> Iterator[Member]:
        """Yields the files to read: all, or for a look some of them from all over."""
        files = self.request.files
        stride = 1 if any(is_archive(file.label) for file in files) else max(1, len(files) // LOOKED_AT)
        looked_at = 0
        for number, member in enumerate(members(files)):
            self.told.folders[member.folder or ""] += 1
            if member.packed and self.request.source.keep == "reference":
                raise DataError.of_source(
                    self.request.name,
                    f"{files[0].label}: `keep: reference` is for files that lie by themselves. Unpack the archive, or leave `keep` out.",
                )
            if self.request.glance and (number % stride or looked_at == LOOKED_AT):
                self.whole = False
                if self.request.listed:
                    self.listed.append({"file": member.file, "folder": member.folder, "bytes": member.size})
                continue
            looked_at += 1
            yield member


def _decoded(member: Member, content: bytes | None, room: Room) -> tuple[Picture, str] | Unreadable:
    content = member.read() if content is None else content
    try:
        return standardised(content, room), hashlib.sha256(content).hexdigest()
    except Unreadable as error:
        return error
