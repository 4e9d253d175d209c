"""Rows of series are asked about by the last window of each: the one that ingest would have made of them."""

from __future__ import annotations

import json
from datetime import date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stellwerk.components.ingestion.columns import Column
from stellwerk.components.ingestion.windows import Windower, columns_of
from stellwerk.errors import DataError
from stellwerk.serving.bulk.inputs import Position, open_input
from stellwerk.serving.bulk.inputs.last_windows import LastWindows, has_rows
from stellwerk.serving.tensors import Tensor
from stellwerk.spec.data import Windows
from stellwerk.tables.grids import ahead

PAST, FUTURE = 4, 2


def rule(**settings) -> Windows:
    given = {"order": "t", "key": ["k"], "past": PAST, "future": FUTURE, "every": 1.0, "columns": ["x", "x_future"]}
    return Windows.model_validate(given | settings)


def inputs(*names: str) -> dict[str, Tensor]:
    lengths = {name: FUTURE if name.endswith("_future") else PAST for name in names or ("x",)}
    return {name: Tensor(name, "float", np.dtype(np.float32), (None, length)) for name, length in lengths.items()}


def asked(path, windows=None, taken=None, start=Position(), wanted=None):  # noqa: B008 - frozen
    """The rows that a model is asked about, and the reader."""
    taken = taken or inputs()
    reader = LastWindows(open_input(path, floats=taken), windows or rule(), taken, ("", "NA"), path)
    blocks = list(reader.blocks(start, wanted, 1_000))
    reader.close()
    return [row for block in blocks for row in block.rows.to_pylist()], reader, blocks


def write(path, rows):
    names = list(rows[0])
    lines = [",".join(names)] + [
        ",".join("" if row[name] is None else str(row[name]) for name in names) for row in rows
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("gaps", ["drop", "last", "ignore"])
@pytest.mark.parametrize("seed", range(6))
def test_it_is_the_window_that_ingest_makes_of_these_rows(tmp_path, gaps, seed):
    random = np.random.default_rng(seed)
    rows = []
    for series in range(40):
        moments = np.cumsum(random.choice([0, 1, 1, 1, 1, 1, 2, 6], random.integers(2, 25)))
        rows += [
            {
                "k": f"s{series:02}",
                "t": int(t),
                "x": None if random.random() < 0.08 else round(float(random.random()), 3),
            }
            for t in moments
        ]
    windows = rule(gaps=gaps)
    shuffled = [rows[at] for at in random.permutation(len(rows))]
    found, reader, _ = asked(write(tmp_path / "rows.csv", shuffled), windows)
    # ingest, without a future, up to the last row of each series that has a value
    known = {
        key: max((row["t"] for row in rows if row["k"] == key and row["x"] is not None), default=-1)
        for key in {row["k"] for row in rows}
    }
    there = sorted(
        (row for row in rows if row["t"] <= known[row["k"]]),
        key=lambda row: (row["k"], row["t"], row["x"] is None, row["x"]),
    )
    batch = pa.table(
        {
            "k": [row["k"] for row in there],
            "t": pa.array([row["t"] for row in there], pa.int64()),
            "x": pa.array([row["x"] for row in there], pa.float32()),
        }
    ).to_batches()[0]
    past_only = windows.model_copy(update={"future": 0, "columns": ("x",)})
    columns = [Column(name, kind, name, name) for name, kind in (("k", "string"), ("t", "int64"), ("x", "float"))]
    windower = Windower(past_only, columns_of(columns, past_only), 1.0)
    last = {row["k"]: row for made in windower(batch) for row in made.batch.to_pylist()}
    expected = {key: row["x"] for key, row in last.items() if row["t"] == known[key]}
    assert {row["k"]: row["x"] for row in found} == expected
    assert 0 < len(expected) < 40
    assert reader.left.series == 40
    assert sum(reader.left.many.values()) == 40 - len(expected)


def test_series_without_a_window_are_counted_and_named(tmp_path):
    rows = [{"k": "whole", "t": t, "x": t} for t in range(6)]
    rows += [{"k": "young", "t": t, "x": t} for t in range(3)]
    rows += [{"k": "broken", "t": t, "x": t} for t in (0, 1, 2, 3, 5, 6)]
    rows += [{"k": "mute", "t": t, "x": None} for t in range(6)]
    found, reader, _ = asked(write(tmp_path / "rows.csv", [*rows, rows[0]]))
    assert [(row["k"], row["t"], row["x"], row["t_0"], row["t_1"]) for row in found] == [
        ("whole", "5", [2, 3, 4, 5], "6", "7")
    ]
    said = " ".join(reader.left.sentences())
    assert (
        "1 of 4 series are shorter than the 4 steps that the model looks back on, and got no answer: k young." in said
    )
    assert "1 of 4 series have a gap or a missing value in their last 4 steps, and got no answer: k broken." in said
    assert "1 of 4 series have no value at all, and got no answer: k mute." in said
    with pytest.raises(
        DataError, match=r"there is no series to ask about\. 1 of 1 series are shorter than the 4 steps"
    ):
        asked(write(tmp_path / "short.csv", rows[:3]))


def test_what_is_known_ahead_is_taken_from_behind_the_last_value(tmp_path):
    rows = [{"k": "a", "t": t, "x": t if t < 6 else None, "h": t % 2} for t in range(8)]
    rows += [{"k": "b", "t": t, "x": t, "h": t % 2} for t in range(6)]
    windows = rule(columns=["x", "x_future", "h_future"])
    found, reader, _ = asked(write(tmp_path / "rows.csv", rows), windows, inputs("x", "h_future"))
    assert [(row["k"], row["t"], row["x"], row["h_future"]) for row in found] == [("a", "5", [2, 3, 4, 5], [0, 1])]
    assert "1 of 2 series lack what is known ahead in the 2 steps behind their last value" in reader.left.sentences()[0]


@pytest.mark.parametrize("start", [0, 1, 1023, 1024, 1500])
def test_it_goes_on_behind_any_series(tmp_path, start):
    table = pa.table({"k": np.repeat(np.arange(1_600), 4), "t": np.tile(np.arange(4), 1_600), "x": np.arange(6_400.0)})
    pq.write_table(table, tmp_path / "rows.parquet")
    found, _, blocks = asked(tmp_path / "rows.parquet", start=Position(row=start), wanted=["k", "x"])
    assert [row["k"] for row in found] == list(range(start, 1_600))
    assert blocks[-1].after == Position(row=1_600)


def test_a_row_that_cannot_be_read_is_told_with_its_line_and_is_a_gap(tmp_path):
    rows = [{"k": "a", "t": t, "x": "bad" if t == 7 else t} for t in range(9)] + [{"k": "a", "t": "", "x": 1}]
    rows += [{"k": "b", "t": t, "x": t} for t in range(4)]
    found, reader, blocks = asked(write(tmp_path / "rows.csv", rows))
    assert [row["k"] for row in found] == ["b"]
    assert [(row.line, row.reason) for row in blocks[0].bad] == [
        (9, "x: not a number"),
        (11, "t: the moment is missing"),
    ]
    assert "a gap or a missing value" in reader.left.sentences()[0]


def test_a_file_of_windows_is_taken_as_it_is(tmp_path):
    write(tmp_path / "rows.csv", [{"k": "a", "t": 1, "x": 1}])
    (tmp_path / "windows.csv").write_text('k,t,x\na,1,"[1, 2, 3, 4]"\n')
    (tmp_path / "windows.jsonl").write_text(json.dumps({"k": "a", "x": [1, 2, 3, 4]}) + "\n")
    pq.write_table(pa.table({"x": [[1.0, 2.0]]}), tmp_path / "windows.parquet")
    found = {
        name: has_rows(open_input(tmp_path / name), rule(), inputs())
        for name in ("rows.csv", "windows.csv", "windows.jsonl", "windows.parquet")
    }
    assert found == {"rows.csv": True, "windows.csv": False, "windows.jsonl": False, "windows.parquet": False}


def test_rows_without_their_order_are_refused(tmp_path):
    with pytest.raises(
        DataError,
        match=r"columns t, k, x, and there is no 't' and no 'k'\. Give them as data.query does\. The columns are: x\.",
    ):
        asked(write(tmp_path / "rows.csv", [{"x": 1}]))


def seconds(*texts: str) -> np.ndarray:
    return np.array(texts, "datetime64[s]").astype(np.float64)


@pytest.mark.parametrize(
    ("past", "step", "behind"),
    [
        (("2023-12-01", "2024-01-01"), 31 * 86_400, ("2024-02-01", "2024-03-01")),
        (("2023-11-30", "2023-12-31", "2024-01-31"), 31 * 86_400, ("2024-02-29", "2024-03-31")),
        (("2023-01-15", "2024-01-15"), 365 * 86_400, ("2025-01-15", "2026-01-15")),
        (("2024-01-01", "2024-01-31"), 30 * 86_400, ("2024-03-01", "2024-03-31")),
        (("2024-01-01", "2024-01-08"), 7 * 86_400, ("2024-01-15", "2024-01-22")),
    ],
)
def test_months_follow_the_calendar_and_other_steps_the_clock(past, step, behind):
    assert ahead(seconds(*past), step, 2, by_calendar=True).tolist() == seconds(*behind).tolist()


def test_numbers_know_no_calendar():
    assert ahead(np.array([0.0, 31 * 86_400.0]), 31 * 86_400, 1, by_calendar=False).tolist() == [62 * 86_400]


@pytest.mark.parametrize(
    ("moments", "behind"),
    [
        (pa.array([date(2024, 1, day) for day in range(1, 5)]), datetime(2024, 1, 5)),
        (pa.array([datetime(2024, 1, day) for day in range(1, 5)], pa.timestamp("ms")), datetime(2024, 1, 5)),
        (pa.array([f"2024-01-0{day}" for day in range(1, 5)]), "2024-01-05"),
        (pa.array([f"2024-01-0{day}T00:00:00+01:00" for day in range(1, 5)]), "2024-01-04T23:00:00Z"),
        (pa.array([day * 86_400 for day in range(4)]), 4 * 86_400),
        (pa.array([day * 86_400.0 for day in range(4)]), 4 * 86_400.0),
        (pa.array([str(day * 86_400) for day in range(4)]), "345600"),
    ],
)
def test_moments_ahead_are_written_as_the_file_writes_its_own(tmp_path, moments, behind):
    pq.write_table(pa.table({"t": moments, "x": [1.0, 2.0, 3.0, 4.0]}), tmp_path / "rows.parquet")
    found, reader, _ = asked(tmp_path / "rows.parquet", rule(key=[], every=86_400.0))
    assert found[0]["t_0"] == behind
    assert reader.usual == ["t", "t_0", "t_1"]


def test_days_of_trade_have_no_moments_ahead(tmp_path):
    rows = [{"k": "a", "t": t, "x": t} for t in (1, 2, 5, 6, 9)]
    found, reader, _ = asked(write(tmp_path / "rows.csv", rows), rule(gaps="ignore"))
    assert (found[0]["x"], reader.usual) == ([2, 5, 6, 9], ["k", "t"])
