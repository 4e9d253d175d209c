"""Rows become windows: in order, whole, and never over a cut."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from stellwerk.components.ingestion.columns import Column
from stellwerk.components.ingestion.seasons import Seasons
from stellwerk.components.ingestion.windows import Windower, columns_of
from stellwerk.errors import DataError
from stellwerk.spec.data import Data, Windows

COLUMNS = [Column(name, kind, name, name) for name, kind in (("k", "string"), ("t", "int64"), ("x", "float"))]
LISTS = ("x", "x_future")


def rows(*series):
    """Rows of series: name, moments, values."""
    names = [name for name, moments, _ in series for _ in moments]
    times = [moment for _, moments, _ in series for moment in moments]
    values = [value for _, _, given in series for value in given]
    return pa.table({"k": names, "t": pa.array(times, pa.int64()), "x": pa.array(values, pa.float32())}).to_batches()[0]


def windows_of(batch, size=1_000, **settings):
    """The windows of rows given `size` at a time: moment, past, future; and what was counted."""
    settings = Windows.model_validate(
        {"order": "t", "key": ["k"], "past": 3, "future": 2, "columns": LISTS, **settings}
    )
    windower = Windower(settings, columns_of(COLUMNS, settings), 1.0)
    found = []
    for start in range(0, batch.num_rows, size):
        for made in windower(batch.slice(start, size)):
            found += [(row["t"], row["x"], row.get("x_future")) for row in made.batch.to_pylist()]
    windower.finish()
    return found, windower.counted


def test_a_window_has_the_past_and_what_came_after():
    found, counted = windows_of(rows(("a", range(6), range(6))))
    assert found == [(2, [0.0, 1.0, 2.0], [3.0, 4.0]), (3, [1.0, 2.0, 3.0], [4.0, 5.0])]
    assert (counted.series, counted.rows, counted.made, counted.short) == (1, 6, 2, 0)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("gaps", ["drop", "last", "ignore"])
def test_windows_are_the_same_however_the_rows_come(size, gaps):
    random = np.random.default_rng(3)
    times = np.cumsum(random.choice([1, 1, 1, 1, 2, 4], 60))
    values = np.where(random.random(60) < 0.05, None, np.arange(60.0))
    batch = rows(("a", times.tolist(), values.tolist()), ("b", range(20), range(20)), ("c", range(3), range(3)))
    for stride in (1, 3):
        assert windows_of(batch, size, gaps=gaps, stride=stride)[0] == windows_of(batch, gaps=gaps, stride=stride)[0]


def test_a_window_with_a_gap_is_left_out_and_counted():
    found, counted = windows_of(rows(("a", [0, 1, 2, 3, 4, 6, 7], range(7))))
    assert [moment for moment, *_ in found] == [2]
    assert (counted.gaps, counted.made) == (1, 1)
    assert any("gaps lie between" in one for one in counted.sentences(Windows(order="t", past=3)))


def test_the_last_value_stands_for_what_is_missing_in_the_past_only():
    found, _ = windows_of(rows(("a", [0, 1, 3, 4, 5], [0.0, 1.0, 3.0, 4.0, 5.0])), gaps="last")
    assert found == [(3, [1.0, 1.0, 3.0], [4.0, 5.0])]


def test_no_value_stands_for_one_behind_a_gap_longer_than_the_past():
    found, _ = windows_of(rows(("a", [0, 1, 2, 90, 91, 92], range(6))), gaps="last", future=0, columns=["x"])
    assert [moment for moment, *_ in found] == [2, 92]


def test_rows_of_one_moment_count_once():
    found, counted = windows_of(rows(("a", [0, 1, 2, 2, 3, 4], [0, 1, 2, 9, 3, 4])))
    assert found == [(2, [0.0, 1.0, 2.0], [3.0, 4.0])]
    assert counted.doubled == 1


def test_series_do_not_run_into_each_other():
    found, counted = windows_of(rows(("a", range(4), range(4)), ("b", range(4, 8), range(4))))
    assert found == []
    assert (counted.series, counted.short, counted.longest) == (2, 2, 4)


def test_windows_without_a_future_end_with_the_series():
    found, _ = windows_of(rows(("a", range(4), range(4))), future=0, columns=["x"])
    assert [(moment, past) for moment, past, _ in found] == [(2, [0, 1, 2]), (3, [1, 2, 3])]


@pytest.mark.parametrize("name", ["k", "k_future", "y", "t"])
def test_what_is_no_series_is_refused(name):
    with pytest.raises(DataError, match="cannot be"):
        columns_of(COLUMNS, Windows(order="t", key=("k",), past=2, future=1, columns=(name,)))


def test_a_season_is_found_and_none_where_nothing_repeats():
    steps = np.arange(2_000)
    noise = np.random.default_rng(0).normal(0, 0.2, 2_000)
    for values, season in ((np.sin(steps * 2 * np.pi / 24) + noise, 24), (np.cumsum(noise), None)):
        seen = Seasons("x", 100)
        seen.add(values.astype(np.float32), steps.astype(float), 0)
        assert seen.found() == season


def data(**windows):
    return {
        "sources": {"rows": "rows.csv"},
        "windows": {"order": "t", "past": 4, "future": 2, "columns": LISTS, **windows},
        "split": {"by": "time", "column": "t", "eval_from": 40, "test_from": 60},
    }


def test_no_window_lies_across_a_cut(run, write):
    write("rows.csv", "t,x\n" + "".join(f"{t},{t % 7}\n" for t in reversed(range(80))))
    made = run(data(), numbers=["x"], target="x_future", kind="forecast")
    moments = {name: made.split(name)["t"].to_pylist() for name in ("train", "eval", "test")}
    assert moments == {"train": list(range(3, 38)), "eval": list(range(40, 58)), "test": list(range(60, 78))}
    assert made.examples.columns == {"t": "int64", "x": "float[4]", "x_future": "float[2]"}
    assert made.split("test").slice(0, 1).to_pylist() == [{"t": 60, "x": [1.0, 2.0, 3.0, 4.0], "x_future": [5.0, 6.0]}]
    counts = made.manifest["windows"]["counts"]
    assert (counts["cut"], counts["rows"], made.manifest["rows"]["written"]) == (4, 80, 80)
    assert made.manifest["windows"]["step"] == 1.0


def test_a_row_that_does_not_fit_is_set_aside_and_leaves_a_gap(run, write):
    write("rows.csv", "t,x\n" + "".join(f"{t},{'bad' if t == 20 else t % 7}\n" for t in range(80)))
    made = run(data(), numbers=["x"], target="x_future", kind="forecast")
    assert [row["reason"] for row in made.quarantine] == ["x: not a number"]
    assert not set(range(18, 24)) & set(made.split("train")["t"].to_pylist())


def test_series_that_are_shorter_than_a_window_are_told(run, write):
    write("rows.csv", "t,x\n" + "".join(f"{t},{t}\n" for t in range(5)))
    with pytest.raises(DataError, match=r"no window of 4 \+ 2 steps: the longest of 1 series has 5\."):
        run(data(), numbers=["x"], target="x_future", kind="forecast")


@pytest.mark.parametrize(
    ("split", "says"),
    [
        ({"by": "hash"}, "in several splits. Use split: {by: time, column: t}"),
        ({"by": "time", "column": "x"}, "windows are cut by their order, 't'"),
        ({"by": "hash", "key": ["x"]}, "in several splits"),
    ],
)
def test_a_split_that_would_share_rows_is_refused(split, says):
    with pytest.raises(ValidationError, match=says.replace("{", "\\{")):
        Data.model_validate({**data(), "split": split})
