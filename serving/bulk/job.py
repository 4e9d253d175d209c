"""One bulk prediction: an open model, an open input, and how rows of the output are made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from stellwerk.errors import UsageError, did_you_mean
from stellwerk.serving.bulk.answers import Answers, Columns
from stellwerk.serving.bulk.fitting import Fitted, Fitter, check_columns
from stellwerk.serving.bulk.inputs import BadRow, Block, Cells, Position, Reader, format_of, found, open_input
from stellwerk.serving.bulk.inputs.last_windows import LastWindows, has_rows
from stellwerk.serving.bulk.models import Asked
from stellwerk.serving.bulk.options import Options
from stellwerk.serving.bulk.outputs import Form, ParquetForm, TextForm
from stellwerk.serving.bulk.refusals import answered
from stellwerk.serving.tensors import Array, Tensor
from stellwerk.tables.dialect import Told


class Job:
    """One open model, one open input, and how rows of the output are made."""

    def __init__(self, asked: Asked, path: Path, output: Path | None, options: Options) -> None:
        self.asked, self.path, self.options = asked, path, options
        floats = {name for name, tensor in asked.inputs.items() if tensor.dtype.kind == "f"}
        told = Told(options.delimiter, quote=options.quote, encoding=options.encoding)
        self.reader: Reader = open_input(path, told, floats, Cells(options.sheet, options.null_values), asked.inputs)
        nulls = options.null_values if self.reader.text else ()
        numerals = (options.decimal, options.thousands) if self.reader.text else (".", "")
        self.series = self._series(nulls, numerals)
        names = self.reader.schema.names
        if names or not self.reader.objects:
            check_columns(names, asked.inputs, str(path))
        self.kind = options.format or (format_of(output) if output else "csv" if self.reader.text else "jsonl")
        self.answers = Answers(asked.outputs, options)
        kept = self._usual(names) if options.keep is None else list(options.keep)
        for name in kept:
            if name not in names:
                raise UsageError(f"--keep: {path} has no column '{name}'.{did_you_mean(name, names)}")
        self.kept = kept
        self.with_heads = options.keep is None and self.kind == "jsonl" and self.reader.objects
        read = list(asked.inputs) if self.with_heads else [*kept, *asked.inputs]
        self.wanted = None if set(read) >= set(names) else list(dict.fromkeys(read))
        self.fitter = Fitter(asked.inputs, nulls, as_read=not self.reader.text or self.kind == "csv")
        self.fitter.numerals = numerals
        added = self._added()
        taken = [name for name in added if name in kept]
        if taken:
            raise UsageError(
                f"{path} has a column '{taken[0]}' already. Leave it out with --keep, or give the columns of the model "
                "other names with --prefix."
            )
        self.form = self._form(output, added)

    def _series(self, nulls: tuple[str, ...], numerals: tuple[str, str]) -> LastWindows | None:
        """Puts what makes windows before the reader, where it has rows and the model takes windows."""
        windows = self.asked.windows
        if windows is None or not has_rows(self.reader, windows, self.asked.inputs):
            return None
        self.reader = series = LastWindows(self.reader, windows, self.asked.inputs, nulls, self.path)
        series.numerals = numerals
        return series

    def _usual(self, names: list[str]) -> list[str]:
        """Returns the columns that are kept where nobody says: all but files that the model reads; of series what names them, and when."""
        if self.series is not None:
            return self.series.usual
        kinds = {field.name: field.type for field in self.reader.schema}
        return [name for name in names if not (pa.types.is_binary(kinds[name]) and name in self.asked.inputs)]

    def _added(self) -> Columns:
        """Asks about one row without any values: what the model adds, with no rows."""
        row = {name: _missing(tensor) for name, tensor in self.asked.inputs.items()}
        return {name: column.slice(0, 0) for name, column in self.answers(self.asked.ask(row)).items()}

    def _form(self, output: Path | None, added: Columns) -> Form:
        names = [*self.kept, *added]
        packing = output.suffix.lower() if output else ""
        if self.kind != "parquet":
            tabs = output is not None and ".tsv" in output.name.lower()
            return TextForm(self.kind, names, packing, "\t" if tabs else ",")
        schema = pa.schema([field for field in self.reader.schema if field.name in self.kept])
        if self.reader.schema.names:
            empty = pa.RecordBatch.from_arrays(
                [pa.array([], field.type) for field in self.reader.schema], schema=self.reader.schema
            )
            block = Block(empty, Position(), lambda: np.zeros(0, np.int64))
            schema = self.fitter(block).kept.schema
        fields = [schema.field(name) for name in self.kept]
        return ParquetForm(pa.schema([*fields, *((name, column.type) for name, column in added.items())]))

    def close(self) -> None:
        """Frees what reading needed; the model stays open."""
        self.fitter.close()
        self.reader.close()

    def blocks(self, start: Position, size: int) -> Iterator[tuple[Fitted, Position]]:
        """Yields the rows of the input from `start` on, fitted, and where the input goes on; `size` in bytes."""
        for block in self.reader.blocks(start, self.wanted, size):
            yield self.fitter(block), block.after

    def rows(self, fitted: Fitted, start: int, size: int) -> tuple[Any, list[BadRow]]:
        """Asks about some rows of a block; returns them as they are written (None where there are none), and those that were refused."""
        fails = self.options.on_bad_rows == "fail"
        answers, refused = answered(self.asked, fitted.inputs, start, start + size, only_first=fails)
        bad = [fitted.bad_row(row, reason) for row, reason in refused.items()]
        if not answers or (bad and fails):
            return None, bad
        added = self.answers({name: np.concatenate([one[name] for one in answers]) for name in answers[0]})
        fits = pa.array([row not in refused for row in range(start, start + size)]) if refused else None
        columns: dict[str, pa.Array] = {}
        if not self.with_heads:
            kept = _only(fitted.kept.slice(start, size), fits)
            columns = {name: kept.column(name) for name in self.kept}
        heads = _only(fitted.heads.slice(start, size), fits) if self.with_heads and fitted.heads is not None else None
        return self.form.render(columns | added, heads), bad

    def fingerprint(self) -> dict[str, Any]:
        """Returns what must be the same for parts to belong together."""
        options = asdict(replace(self.options, version=None, on_bad_rows="fail", batch_size=None))
        del options["connection"]
        return {
            "input": "\n".join(map(_file_mark, found(self.path))),
            "model": self.asked.identity,
            "options": _plain(options | {"format": self.kind}),
        }


def _only(rows: Any, fits: pa.Array | None) -> Any:
    return rows if fits is None else rows.filter(fits)


def _missing(tensor: Tensor) -> Array:
    """Returns an input of one row in which all is missing."""
    values = np.empty((1, *(size or 1 for size in (tensor.shape or ())[1:])), tensor.dtype)
    values.fill(tensor.missing)
    return values


def _file_mark(path: Path) -> str:
    """Returns what changes when a file does: its place, size and time, and its first and last bytes."""
    status = path.stat()
    digest = hashlib.sha256()
    with path.open("rb") as file:
        digest.update(file.read(1 << 20))
        file.seek(max(0, status.st_size - (1 << 20)))
        digest.update(file.read())
    return f"{path.resolve()} {status.st_size} {status.st_mtime_ns} {digest.hexdigest()}"


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns options as they are read back from JSON."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in options.items()}
