"""Tables in memory as sources: pandas, Polars and Arrow come in, are written once as Parquet, and go out as the kind they came.

A file named by the digest of what is in it keeps everything true that holds for files: cache keys, lineage, a run that goes on.
Libraries of tables are not imported here: an object that comes from one says by its class which it is.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stellwerk.errors import DataError, UsageError, did_you_mean
from stellwerk.loading import LoadedSpec
from stellwerk.pipelines.runs import TABLES, runs_of
from stellwerk.spec.data import Source
from stellwerk.tables import pages

KINDS = "a pandas or Polars DataFrame, or an Arrow table"


def is_table(value: Any) -> bool:
    """Says whether `value` is a table of a kind that is known."""
    return _kind(value) is not None


def _kind(value: Any) -> str | None:
    if isinstance(value, (pa.Table, pa.RecordBatch, pa.RecordBatchReader)):
        return "arrow"
    for each in type(value).__mro__:
        package, name = each.__module__.partition(".")[0], each.__name__
        if name == "DataFrame" and package in ("pandas", "polars"):
            return package
        if name == "LazyFrame" and package == "polars":
            return "lazy"
    return "stream" if hasattr(value, "__arrow_c_stream__") and hasattr(pa.RecordBatchReader, "from_stream") else None


def to_arrow(table: Any) -> pa.Table:
    """Returns a table of any known kind as Arrow, with the types that a Parquet file of it would be read with.

    The index of a pandas DataFrame is no column: `reset_index()` makes it one. Raises DataError where a column has values of
    several types, UsageError for what is no table, or has a column whose name is no text, or one twice.
    """
    kind = _kind(table)
    if kind is None:
        raise UsageError(f"data is {KINDS}. Received: {type(table).__name__}.")
    if kind == "pandas":
        found = _from_pandas(table)
    elif kind in ("polars", "lazy"):
        found = (table.collect() if kind == "lazy" else table).to_arrow()
    else:
        found = at_hand(table)
    _names_are_fine(found.column_names)
    return pa.table({name: _plain(found[name]) for name in found.column_names}).combine_chunks()


def at_hand(table: Any) -> Any:
    """Returns a table as it is, or, where it can be read only once or only by Arrow, as an Arrow table."""
    if isinstance(table, pa.RecordBatchReader):
        return table.read_all()
    if isinstance(table, pa.RecordBatch):
        return pa.Table.from_batches([table])
    return pa.RecordBatchReader.from_stream(table).read_all() if _kind(table) == "stream" else table


def _from_pandas(table: Any) -> pa.Table:
    names = list(table.columns)
    wrong = [name for name in names if not isinstance(name, str)]
    if wrong:
        raise UsageError(f"the names of columns are texts. Received: {wrong[0]!r}. df.columns = df.columns.map(str)")
    _names_are_fine(names)
    columns = {}
    for name in names:
        values = table[name]
        kind = str(values.dtype)
        if kind.startswith("Sparse"):
            values = values.sparse.to_dense()
        elif kind.startswith(("period", "interval", "complex")):
            values = values.astype(str).where(values.notna(), None)
        try:
            columns[name] = pa.array(values, from_pandas=True)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError) as error:
            raise DataError(
                f"column '{name}' has values of several types, or of one that no file can hold: {_told(error)}. "
                f"Make them of one type, as df['{name}'] = df['{name}'].astype(str) does."
            ) from None
    return pa.table(columns)


def _told(error: BaseException) -> str:
    return str(error.args[0] if error.args else error).strip().rstrip(".").splitlines()[0]


def _names_are_fine(names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"the table has two columns '{twice[0]}'. Rename one of them.")
    if not names:
        raise UsageError("the table has no column.")


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns a column as one of the types that all readers know; categories become their values."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _plain(column.cast(kind.value_type))
    if pa.types.is_float16(kind):
        return pa.chunked_array(
            [pa.array(column.to_numpy().astype("float32"), from_pandas=True)]
        )  # older Arrows cast none
    if pa.types.is_large_string(kind) or str(kind) == "string_view":
        return column.cast(pa.string())
    if pa.types.is_large_binary(kind) or str(kind) == "binary_view":
        return column.cast(pa.binary())
    return column


def like(table: Any, columns: pa.Table) -> Any:
    """Returns `table` with more `columns`, as the kind that it is; a pandas DataFrame keeps its index and its types.

    Raises UsageError where it has one of them already: nothing of the table is written over.
    """
    kind = _kind(table)
    found = table.collect() if kind == "lazy" else table
    there = found.schema.names if isinstance(found, (pa.Table, pa.RecordBatch)) else list(found.columns)
    twice = [name for name in columns.column_names if name in there]
    if twice:
        raise UsageError(f"the table has a column '{twice[0]}' already. Say prefix='model_', or drop it before.")
    if kind == "pandas":
        more = columns.to_pandas()
        more.index = table.index
        return table.assign(**{name: more[name] for name in more.columns})
    if kind in ("polars", "lazy"):
        import polars  # noqa: PLC0415 - the table is of it

        return found.with_columns(*polars.from_arrow(columns).get_columns())
    whole = at_hand(found)
    for name in columns.column_names:
        whole = whole.append_column(name, columns[name])
    return whole


def of_kind(table: Any, rows: pa.Table) -> Any:
    """Returns other `rows` as the kind that `table` is."""
    kind = _kind(table)
    if kind in ("polars", "lazy"):
        import polars  # noqa: PLC0415 - the table is of it

        return polars.from_arrow(rows)
    return rows.to_pandas() if kind == "pandas" else rows


def with_data(spec: LoadedSpec, data: Any) -> LoadedSpec:
    """Returns a spec whose sources are tables: one in the place of its only source, or a mapping of sources to tables.

    Each is written once, in the folder of the pipeline's runs. Sources that the mapping does not name stay what they are. Raises
    UsageError for names that are no sources, and for a table alone where a spec has several.
    """
    if data is None:
        return spec
    sources = spec.spec.data.sources
    known = ", ".join(sources)
    if not isinstance(data, Mapping):
        if len(sources) > 1:
            first = next(iter(sources))
            raise UsageError(f"{spec.path} has several sources ({known}): say which, as data={{'{first}': table}}.")
        data = {next(iter(sources)): data}
    for name in data:
        if name not in sources:
            raise UsageError(f"{spec.path} has no source '{name}'.{did_you_mean(str(name), sources)} It has: {known}.")
    folder = runs_of(spec.directory, spec.spec.name) / TABLES
    files = {name: written(to_arrow(table), folder) for name, table in data.items()}
    replaced = {name: _source(files[name], spec.directory) if name in files else sources[name] for name in sources}
    changed = spec.spec.data.model_copy(update={"sources": replaced})
    return LoadedSpec(
        spec.spec.model_copy(update={"data": changed}), spec.path, spec.directory, spec.text, spec.document
    )


def _source(file: Path, directory: Path) -> Source:
    return Source(path=file.relative_to(directory).as_posix(), format="parquet")


def written(table: pa.Table, folder: Path) -> Path:
    """Writes a table into `folder` as Parquet, unless it is there, and returns its file: the name is the digest of the bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{os.getpid()}.part"
    try:
        pq.write_table(table, part, **pages.written())
        with part.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        target = folder / f"{digest[:32]}.parquet"
        if not target.exists():
            part.replace(target)
    except OSError as error:
        raise DataError(f"{folder}: the table cannot be written there: {error.strerror or error}.") from error
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"the table cannot be written as Parquet: {_told(error)}.") from None
    finally:
        part.unlink(missing_ok=True)
    return target
