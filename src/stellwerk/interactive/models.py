"""Models that were trained, asked about tables in memory."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from stellwerk.environment import load, prepare
from stellwerk.errors import StellwerkError, UsageError
from stellwerk.interactive.tables import KINDS, at_hand, is_table, like, of_kind, to_arrow, written
from stellwerk.serving.bulk import Options, Summary
from stellwerk.serving.bulk import predict as predict_file
from stellwerk.tables import pages


@dataclass(frozen=True)
class Model:
    """A SavedModel: raw columns in, predictions out. TensorFlow Serving takes its folder as it is."""

    path: Path

    def predict(self, table: Any, **options: Any) -> Any:
        """Returns the rows of a table with what the model says of each, as a table of the same kind.

        Columns that the model does not know stay where they are; the target need not be there. `options` are those of
        `stellwerk.predict`, as `threshold=0.3` or `prefix="model_"`.
        """
        return predict(self.path, table, **options)


def predict(
    model: Any,
    input: Any,  # noqa: A002 - as the command line calls it
    output: str | Path | None = None,
    options: Options | None = None,
    **named: Any,
) -> Any:
    """Predicts every row of a table, or of a file.

    Args:
        model: A version folder, a model's folder (its newest version), the address of a served model, or a result's `model`.
        input: A pandas, Polars or Arrow table, or the path of a file.
        output: The file to write; needed for a file. For a table it may be left out: then a table of the same kind comes back.
        options: What `stellwerk.serving.bulk.Options` says; its fields may also be given by name.
        **named: Such fields, as `threshold=0.3`.

    Returns:
        The table with the predictions, of rows of series a table with a row a series, or a Summary of what was written.

    Raises:
        UsageError, DataError, ModelError: With a sentence that says what to do.

    """
    wanted = _options(options, named)
    folder = model.path if isinstance(model, Model) else model
    if not is_table(input):
        return _of_file(folder, input, output, wanted)
    if wanted.on_bad_rows == "quarantine" and output is None:
        raise UsageError("on_bad_rows='quarantine' sets rows aside beside an output. Name one, or leave it out.")
    with tempfile.TemporaryDirectory(prefix="stellwerk-") as scratch:
        if Path(folder).is_dir():  # a server is asked without TensorFlow
            _load_quietly()
        table = at_hand(input)
        arrow = to_arrow(table)
        rows = written(arrow, Path(scratch))
        with _called_the_table(rows):
            if output is not None:
                return predict_file(folder, rows, output, wanted)
            answers = Path(scratch) / "answers.parquet"
            done = predict_file(folder, rows, answers, _options(wanted, {"keep": ()}))
            if done.rows < arrow.num_rows:  # of series each has an answer, and no row
                predict_file(folder, rows, answers, wanted)
                return of_kind(table, pq.read_table(answers, **pages.verified()))
            return like(_selected(table, wanted.keep), pq.read_table(answers, **pages.verified()))


def _load_quietly() -> None:
    """Loads TensorFlow without what its libraries write to stderr meanwhile, which a notebook would show in red below the cell."""
    if "tensorflow" in sys.modules:
        return
    prepare()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        load("tensorflow")
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)


@contextlib.contextmanager
def _called_the_table(rows: Path) -> Iterator[None]:
    """Errors name the table, and not the file that it was for a moment."""
    try:
        yield
    except StellwerkError as error:
        raise type(error)(str(error).replace(str(rows), "the table")) from None


def _of_file(model: Any, source: Any, output: str | Path | None, options: Options) -> Summary:
    if not isinstance(source, (str, Path)):
        raise UsageError(f"the input is {KINDS}, or the path of a file. Received: {type(source).__name__}.")
    if output is None:
        raise UsageError(
            f"{source}: name the file that the predictions go to, as predict(model, input, 'out.parquet')."
        )
    return predict_file(model, source, output, options)


def _options(options: Options | None, named: dict[str, Any]) -> Options:
    given = vars(options) if options is not None else {}
    try:
        return Options(**{**given, **named})
    except TypeError:
        known = ", ".join(Options.__dataclass_fields__)
        unknown = next(name for name in named if name not in Options.__dataclass_fields__)
        raise UsageError(f"predict has no option '{unknown}'. It has: {known}.") from None


def _selected(table: Any, names: tuple[str, ...] | None) -> Any:
    """The table with these columns only; None are all."""
    if names is None:
        return table
    return table.select(list(names)) if hasattr(table, "select") else table[list(names)]
