"""Sampled requests and their answers as Parquet, one row an example: what drift checks and retraining read later.

    DIR/<model>/<version>/<time>-<process>-<number>.parquet

A request leaves its arrays in a queue and goes on; a thread writes files of many requests. Where the thread cannot follow, or
the disk is full, requests are left out and counted: the log never slows or fails an answer.
"""

from __future__ import annotations

import logging
import os
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from stellwerk.errors import UsageError
from stellwerk.serving.prediction_rows import Entry, as_table
from stellwerk.tables import pages

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class LogOptions:
    """What is logged and how much of the disk it may take."""

    directory: Path
    sample: float = 1.0
    """Share of the requests, 0 to 1."""
    drop: frozenset[str] = frozenset()
    """Columns that are never written, by name: personal ones."""
    max_bytes: int = 1024**3
    """All files together; the oldest are removed beyond it."""
    max_files: int = 10_000
    """Most files; the oldest are removed beyond it."""
    flush_s: float = 30.0
    """How long a request waits for its file at most."""
    flush_bytes: int = 16 * 1024 * 1024
    """Waiting arrays of this size are written at once."""
    queue_bytes: int = 64 * 1024 * 1024
    """Requests beyond this many waiting bytes are left out."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.sample <= 1.0:
            raise UsageError(f"the sample of the prediction log is a share from 0 to 1, and got {self.sample}.")


class PredictionLog:
    """Writes sampled requests. Use as a context manager, or call `close`, so that the last ones are written.

    `count` is told what became of sampled requests: `written`, `dropped` or `failed`, and how many. Raises UsageError when the
    folder cannot be made.
    """

    def __init__(self, options: LogOptions, count: Callable[[str, int], None] | None = None) -> None:
        self.options = options
        self._count = count if count is not None else (lambda *_: None)
        self._waiting: list[Entry] = []
        self._bytes = 0
        self._changed = threading.Condition()
        self._closing = False
        self._number = 0
        try:
            options.directory.mkdir(parents=True, exist_ok=True)
            for left in options.directory.glob("*/*/.*.part"):
                left.unlink(missing_ok=True)
        except OSError as error:
            raise UsageError(
                f"{options.directory}: the prediction log cannot be written there: {error.strerror}."
            ) from error
        self._writer = threading.Thread(target=self._write_for_ever, name="prediction-log", daemon=True)
        self._writer.start()

    def __enter__(self) -> PredictionLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def chosen(self) -> bool:
        """Says whether the next request is in the sample."""
        return random.random() < self.options.sample  # noqa: S311 - a sample, not a secret

    def add(self, entry: Entry) -> None:
        """Takes a request to be written later; never waits and never raises."""
        size = entry.size
        with self._changed:
            if self._closing or self._bytes + size > self.options.queue_bytes:
                self._count("dropped", 1)
                return
            self._waiting.append(entry)
            self._bytes += size
            if self._bytes >= self.options.flush_bytes:
                self._changed.notify_all()

    def close(self) -> None:
        """Writes what waits, and ends."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._writer.join(timeout=30.0)

    def _write_for_ever(self) -> None:
        closing = False
        while not closing:  # what came while the last file was written is written before the end
            with self._changed:
                self._changed.wait_for(
                    lambda: self._closing or self._bytes >= self.options.flush_bytes, self.options.flush_s
                )
                entries, self._waiting, closing = self._waiting, [], self._closing
            self._write(entries)
            with self._changed:
                self._bytes -= sum(entry.size for entry in entries)

    def _write(self, entries: list[Entry]) -> None:
        groups: dict[tuple[object, ...], list[Entry]] = {}
        for entry in entries:
            groups.setdefault(entry.form, []).append(entry)
        for group in groups.values():
            try:
                self._write_file(group[0], as_table(group, self.options.drop))
                self._count("written", len(group))
            except Exception:
                _LOG.exception("%d requests could not be written to the prediction log", len(group))
                self._count("failed", len(group))
        if groups:
            self._trim()

    def _write_file(self, first: Entry, table: pa.Table) -> None:
        folder = self.options.directory / _folder_name(first.model) / str(first.version)
        folder.mkdir(parents=True, exist_ok=True)
        self._number += 1
        when = datetime.fromtimestamp(first.at, UTC).strftime("%Y%m%dT%H%M%S%f")
        name = f"{when}-{os.getpid()}-{self._number}.parquet"
        part = folder / f".{name}.part"
        try:
            pq.write_table(table, part, compression="zstd", **pages.written())
            part.replace(folder / name)
        finally:
            part.unlink(missing_ok=True)

    def _trim(self) -> None:
        """Removes the oldest files until the rest fits."""
        files = sorted(self.options.directory.glob("*/*/*.parquet"), key=lambda path: path.name, reverse=True)
        total = 0
        for number, path in enumerate(files):
            try:
                total += path.stat().st_size
                if total > self.options.max_bytes or number >= self.options.max_files:
                    path.unlink()
            except OSError as error:
                _LOG.warning("%s: an old file of the prediction log cannot be removed: %s", path, error)


def _folder_name(model: str) -> str:
    """Returns a name of a model as one that stays in its folder."""
    name = quote(model, safe="")
    return name.replace(".", "%2E", 1) if name.startswith(".") else name
