"""What the rows must fulfil before they become Examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from stellwerk.components.ingestion.advice import remedies
from stellwerk.components.ingestion.columns import is_nested, nested
from stellwerk.components.ingestion.manifest import Counts, SourceRows
from stellwerk.components.ingestion.quarantine import Quarantine
from stellwerk.components.ingestion.writing import Written
from stellwerk.errors import DataError, StepFailed, did_you_mean
from stellwerk.showing import listed
from stellwerk.spec.data import AnySplit, ColumnSplit, Data, HashSplit
from stellwerk.spec.target import Target

QUERY = "data.query"


def check_columns(described: Mapping[str, str], data: Data, target: Target, numbers: list[str]) -> None:
    """Raises DataError when a column is missing that the spec needs."""
    windows = data.windows
    asked = target.column if windows is None else windows.raw(target.column)
    needed = {asked: "target.column", **dict.fromkeys(data.split.columns, "data.split")}
    if windows is not None:
        needed |= {windows.order: "data.windows.order", **dict.fromkeys(windows.key, "data.windows.key")}
    needed |= {column: "a feature" for column in numbers if column not in needed}
    for column, where in needed.items():
        if column in described and is_nested(described[column]):
            raise _needed(where, str(nested(column, described[column])))
        if column not in described:
            near = did_you_mean(column, described)
            raise _needed(where, f"there is no column '{column}' in the data.{near} Columns: {listed(described)}.")


def _needed(where: str, said: str) -> DataError:
    return DataError.of_key(where, said) if "." in where else DataError(f"{where}: {said}")


def check_book_keeping(counts: Counts) -> None:
    """Raises StepFailed when rows were lost, DataError when there were none."""
    if counts.read != counts.written + counts.quarantined:
        raise StepFailed(
            f"ingest: {counts.read:,} rows were read, but {counts.written:,} written and {counts.quarantined:,} quarantined. "
            "Nothing may vanish: report this as a defect."
        )
    if counts.read == 0:
        raise DataError.of_key("data.query", "the query gives no rows. Check its joins and filters.")


class Seen(Protocol):
    """Rows that were looked at."""

    rows: int
    bad: int


def check_bad_rows(data: Data, sources: Mapping[str, SourceRows], written: Seen, quarantine: Quarantine) -> None:
    """Raises DataError when there are more bad rows than the spec allows."""
    if not quarantine.rows:
        return
    if data.on_bad_rows == "fail":
        said = (
            f"is fail, and {quarantine.rows:,} rows are bad. {quarantine.summary()} "
            f"{remedies(quarantine, data)}Correct the data, or say `on_bad_rows: quarantine`."
        )
        raise DataError(f"data.on_bad_rows {said}", ("data", "on_bad_rows"), said)
    counts = {name: (rows.rejected, rows.rows + rows.rejected) for name, rows in sources.items()}
    if data.query is None:
        name = next(iter(counts))
        counts[name] = (counts[name][0] + written.bad, counts[name][1])
    else:
        counts[QUERY] = (written.bad, written.rows)
    for name, (bad, read) in counts.items():
        if bad > data.max_bad_share * read:
            about = DataError.of_key if name == QUERY else DataError.of_source
            raise about(
                name,
                f"{bad:,} of {read:,} rows are bad ({bad / read:.1%}), more than data.max_bad_share allows "
                f"({data.max_bad_share:.1%}). {quarantine.summary()} "
                f"{remedies(quarantine, data)}Correct the data or the types, or raise max_bad_share.",
            )


def check_target(target: Target, written: Written, quarantine: Quarantine) -> None:
    """Raises DataError when there is nothing to tell apart."""
    if not written.targets:
        raise DataError.of_key(
            "target.column", f"no row is left with a value in '{target.column}'. {quarantine.summary()}"
        )
    if len(written.targets) == 1:
        raise DataError.of_key(
            "target.column",
            f"'{target.column}' is {written.targets[0]!r} in all {written.written:,} rows; there is nothing to "
            "learn. Check the column, and the filters of data.query.",
        )


def check_splits(split: AnySplit, written: Written) -> None:
    """Raises DataError when a split has no rows."""
    for name, content in written.splits.items():
        if not content["rows"]:
            counts = ", ".join(f"{other} {value['rows']:,}" for other, value in written.splits.items())
            raise DataError.of_key("data.split", f"no rows for {name} (rows: {counts}). {_advice(split, name)}")


def _advice(split: AnySplit, name: str) -> str:
    if isinstance(split, ColumnSplit):
        values = {"train": split.train, "eval": split.eval, "test": split.test}[name]
        return f"Rows belong to {name} when '{split.column}' is {' or '.join(values)}: no row has that. Correct the values."
    shares = f"{split.train:g}, {split.eval:g}, {split.test:g}"
    if isinstance(split, HashSplit):
        keys = f"the key {', '.join(split.key)} has too few different values" if split.key else "there are too few rows"
        return f"The shares are {shares}, and {keys} for that. Raise the share of {name} or choose another key."
    if split.eval_from is not None:
        return f"eval_from is {split.eval_from}, test_from is {split.test_from}. Move them into the time that '{split.column}' covers."
    return f"The shares are {shares}, and rows with the same '{split.column}' stay together. Change the shares or the column."
