"""`init --task forecast` finds what orders rows, what names series and how far apart they are, and proposes windows that fit."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from stellwerk.__main__ import cli
from stellwerk.errors import UsageError
from stellwerk.loading import load
from stellwerk.pipelines.checking import check
from stellwerk.spec import Spec

ROOT = Path(__file__).parents[2]
START = datetime(2024, 1, 1)


def init(folder: Path, rows: list[dict[str, Any]] | Path, *options: str) -> Spec:
    """Writes rows, has a spec written for a forecast of them, checks that it fits, and returns it."""
    data = rows if isinstance(rows, Path) else folder / "rows.csv"
    if isinstance(rows, list):
        lines = [",".join(rows[0])] + [",".join(str(value) for value in row.values()) for row in rows]
        data.write_text("\n".join(lines) + "\n")
    spec = folder / "pipeline.yaml"
    asked = ["init", str(data), "--task", "forecast", "--yes", "-o", str(spec), *options]
    ran = CliRunner().invoke(cli, asked, catch_exceptions=False, standalone_mode=False)
    assert ran.exit_code == 0, ran.output
    loaded = load(spec)
    assert [str(problem) for problem in check(loaded)] == []
    return loaded.spec


def series(count: int, step: timedelta, name: str = "a", form: str = "%Y-%m-%d %H:%M:%S") -> list[dict[str, Any]]:
    return [{"when": (START + at * step).strftime(form), "meter": name, "load": at % 7 + 0.5} for at in range(count)]


def test_weeks_of_carbon_dioxide_are_read_from_dates_as_numbers(tmp_path):
    spec = init(tmp_path, ROOT / "examples" / "co2" / "co2.csv")
    windows = spec.data.windows
    assert (windows.order, windows.key, windows.past, windows.future, windows.gaps) == ("date", (), 104, 12, "last")
    assert (spec.target.column, spec.target.type, spec.data.split.column) == ("co2_future", "forecast", "date")
    assert "strptime" in spec.data.query


def test_the_columns_that_name_series_are_found_in_rows_of_any_order(tmp_path):
    rows = series(500, timedelta(hours=1), "north") + series(400, timedelta(hours=1), "south")
    random.Random(1).shuffle(rows)
    spec = init(tmp_path, rows)
    assert spec.data.windows.model_dump(include={"key", "past", "future", "gaps"}) == {
        "key": ("meter",),
        "past": 110,
        "future": 22,
        "gaps": "drop",
    }
    assert spec.evaluate.slices == (("meter",),)
    assert list(spec.features) == ["load"]


@pytest.mark.parametrize(
    ("step", "past", "future"),
    [
        (timedelta(minutes=5), 288, 12),
        (timedelta(hours=1), 168, 24),
        (timedelta(days=1), 56, 7),
        (timedelta(days=7), 104, 12),
        (timedelta(days=30), 36, 6),
    ],
)
def test_windows_suit_the_step(tmp_path, step, past, future):
    spec = init(tmp_path, series(1_500, step))
    assert (spec.data.windows.past, spec.data.windows.future) == (past, future)


def test_windows_of_long_series_overlap_less(tmp_path):
    assert init(tmp_path, series(60_000, timedelta(minutes=5))).data.windows.stride == 3


@pytest.mark.parametrize(("left_out", "gaps"), [(0, "drop"), (40, "last"), (500, "ignore")])
def test_what_stands_for_gaps_follows_from_how_many_there_are(tmp_path, left_out, gaps):
    rows = series(1_500, timedelta(days=1))
    for at in sorted(random.Random(2).sample(range(1, 1_499), left_out), reverse=True):
        del rows[at]
    assert init(tmp_path, rows).data.windows.gaps == gaps


def test_whole_numbers_that_count_order_rows_where_no_moment_does(tmp_path):
    rows = [{"t": at, "y": at % 5 + at / 100} for at in range(300)]
    windows = init(tmp_path, rows, "--target", "y").data.windows
    assert (windows.order, windows.past, windows.future) == ("t", 36, 6)


def test_what_it_writes_runs(tmp_path, stellwerk):
    init(tmp_path, series(600, timedelta(hours=1), "north") + series(600, timedelta(hours=1), "south"))
    ran = stellwerk("run", tmp_path / "pipeline.yaml", "--until", "transform", timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("rows", "options", "says"),
    [
        (series(30, timedelta(days=1)), (), r"half of the series have 30 rows or fewer, and windows for three splits need 40"),
        (series(100, timedelta(days=1)), ("--target", "meter"), r"--target: 'meter' has 1 value in all rows"),
        (series(100, timedelta(days=1)), ("--target", "when"), r"'when' holds values such as '2024-01-01.*', and what is forecast is a number"),
        ([{"x": at / 3, "y": at / 7} for at in range(100)], (), r"no column says when a row was: none holds moments"),
        (series(100, timedelta(days=1)) * 2, (), r"100 rows have the moment of another row in 'when', and no column or two of them tell the series apart"),
    ],
)  # fmt: skip
def test_what_is_no_series_is_refused_in_one_sentence(tmp_path, rows, options, says):
    with pytest.raises(UsageError, match=says):
        init(tmp_path, rows, *options)
