"""Bulk prediction in process: rows a second from and to each format, beside the bare model called on arrays in memory.

    python benchmarks/predicting.py MODEL ROWS.parquet [--times 33] [--record]

MODEL is a pushed model, ROWS.parquet has its columns (a shard of `ingest/examples/test` of the run that trained it).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import recording

from stellwerk.environment import prepare
from stellwerk.serving.bulk import Options, predict
from stellwerk.serving.versions import newest

BATCH = 8192
PAIRS = (("parquet", "parquet"), ("parquet", "csv"), ("csv", "parquet"), ("csv", "csv"), ("jsonl", "jsonl"))
REPEATS = 3


def bare(model: Path, table: pa.Table) -> Callable[[], None]:
    """Returns what asks the model about all rows, from arrays that lie ready in memory."""
    from stellwerk.serving.loading import LoadedModel  # noqa: PLC0415
    from stellwerk.serving.tensors import inputs_from_batch  # noqa: PLC0415

    loaded = LoadedModel(newest(model).path)
    batches = [inputs_from_batch(batch, loaded.inputs) for batch in table.combine_chunks().to_batches(BATCH)]

    def ask() -> None:
        for inputs in batches:
            loaded.predict(inputs)

    return ask


def timed(work: Callable[[], object], rows: int) -> list[str]:
    """Returns the best wall time of a few runs, its CPU time, and rows a second."""
    work()
    measured = []
    for _ in range(REPEATS):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        measured.append((time.perf_counter() - wall, time.process_time() - cpu))
    wall, cpu = min(measured)
    return [f"{wall:.1f} s", f"{cpu:.1f} s", f"{rows / wall:,.0f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("rows", type=Path)
    parser.add_argument("--times", type=int, default=33, help="how often the rows are repeated")
    parser.add_argument("--record", action="store_true", help="write the table to docs/benchmarks.md")
    given = parser.parse_args()
    prepare()
    table = pa.concat_tables([pq.read_table(given.rows)] * given.times)
    lines = [["the model alone, arrays in memory", *timed(bare(given.model, table), table.num_rows)]]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        pq.write_table(table, folder / "in.parquet")
        for kind in ("csv", "jsonl"):
            predict(given.model, folder / "in.parquet", folder / f"in.{kind}", Options(prefix="earlier_"))
        for source, target in PAIRS:
            paths = (folder / f"in.{source}", folder / f"out.{target}")
            lines.append(
                [f"{source} to {target}", *timed(lambda paths=paths: predict(given.model, *paths), table.num_rows)]
            )
    text = recording.table(
        [f"{table.num_rows:,} rows, {len(table.column_names)} columns", "wall", "CPU", "rows/s"], lines
    )
    print(text)
    if given.record:
        note = f"Best of {REPEATS}, batches of {BATCH}; loading the model and writing all input columns are part of it; other work used the cores too."
        recording.record("Bulk prediction", "python benchmarks/predicting.py MODEL ROWS --record", f"{text}\n\n{note}")


if __name__ == "__main__":
    main()
