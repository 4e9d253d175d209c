"""`stellwerk.init`: a first spec for a table or for files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from stellwerk.errors import UsageError
from stellwerk.interactive.tables import is_table, to_arrow
from stellwerk.loading import LoadedSpec, load
from stellwerk.pipelines.starting import guess, opened, plan, written
from stellwerk.tables import pages


def init(
    data: Any,
    target: str | None = None,
    *,
    task: str | None = None,
    name: str | None = None,
    output: str | Path = "pipeline.yaml",
    overwrite: bool = False,
) -> LoadedSpec:
    """Looks at data, writes a spec for it that runs as it is, and returns it loaded. The file says why each thing is as it is.

    Args:
        data: Path of a file, a list of them, or a pandas, Polars or Arrow table, which is written as `<name>.parquet` beside the spec.
        target: The column that is to be predicted; guessed where it is not said.
        task: `binary`, `multiclass` or `regression`; by default as the values of the target are.
        name: What the table is called, and the pipeline and its model after it; by default as the spec's file.
        output: The spec's file.
        overwrite: Whether a spec that is there may be written over, and the table beside it.

    Raises:
        UsageError: The file exists already, or no column is left to learn from.
        DataError: The data cannot be read.

    """
    output = Path(output)
    _may_be_written(output, overwrite)
    files = (
        [str(_beside(data, output.with_name(f"{name or output.stem}.parquet"), overwrite))]
        if is_table(data)
        else _paths(data)
    )
    with opened(files, output.absolute().parent) as found:
        text = written(plan(found, guess(found.survey, target, task)))
    output.write_text(text, encoding="utf-8")
    return load(output)


def _paths(data: Any) -> list[str]:
    each = [data] if isinstance(data, (str, os.PathLike)) else data
    if (
        not isinstance(each, (list, tuple))
        or not all(isinstance(path, (str, os.PathLike)) for path in each)
        or not each
    ):
        raise UsageError(f"data is the path of a file, a list of them, or a table. Received: {type(data).__name__}.")
    return [os.fspath(path) for path in each]


def _beside(table: Any, path: Path, overwrite: bool) -> Path:
    """Writes a table beside the spec, so that the spec runs from the command line too."""
    _may_be_written(path, overwrite)
    pq.write_table(to_arrow(table), path, **pages.written())
    return path


def _may_be_written(path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise UsageError(f"{path}: exists already. Name another file as output, or say overwrite=True.")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{path}: there is no folder {path.parent}. Make it, or name another file as output.")
