"""The guide of time series is true: its rows become windows, its model beats the naive forecasts, and it answers the last window."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import stellwerk
from stellwerk.components.artifacts.examples import Examples
from stellwerk.loading import load

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def ran(followed) -> Path:
    """The folder in which the guide was followed."""
    return followed("series")


def run_of(folder: Path) -> Path:
    (run,) = (folder / "runs" / "load").glob("[0-9]*")
    return run


def test_the_model_is_better_than_both_naive_forecasts(ran):
    (file,) = run_of(ran).rglob("evaluation.json")
    found = json.loads(file.read_text())
    mae = found["slices"][0]["metrics"]["mae"]
    assert set(found["baselines"]) == {"naive", "seasonal_naive"}
    assert mae < 0.75 * found["baselines"]["seasonal_naive"]["mae"] < found["baselines"]["naive"]["mae"]
    assert [one["slice"] for one in found["slices"][1:]] == [{"meter": "north"}, {"meter": "south"}]
    assert len(found["horizon"]["mae"]) == len(found["beside"]["naive"]["mae"]) == 6
    assert {one["series"] for one in found["forecasts"]["shown"]} == {"meter north", "meter south"}


def test_the_season_of_a_day_is_found_and_the_rows_are_accounted_for(ran):
    (folder,) = {file.parent for file in run_of(ran).rglob("ingest/**/dataset.json")}
    windows = Examples.open(folder).manifest["windows"]
    assert (windows["season"], windows["step"]) == (24, 3600.0)
    assert (windows["counts"]["rows"], windows["counts"]["series"]) == (1008, 2)


def test_the_report_shows_errors_by_step_and_forecasts(ran):
    page = (run_of(ran) / "report.html").read_text()
    assert "Error by step ahead" in page
    assert "meter north" in page


def test_the_last_window_is_answered_step_by_step(ran, warm, tmp_path):
    table = pa.table({"load": [[50.0 + hour % 24 for hour in range(48)], [1.0]]})
    pq.write_table(table, tmp_path / "windows.parquet")
    asked = ("predict", ran / "models" / "load", tmp_path / "windows.parquet", "-o", tmp_path / "out.jsonl")
    refused = warm.run(*asked)
    assert refused.returncode != 0
    assert "load: not a list of 48 numbers" in refused.stderr
    assert warm.run(*asked, "--on-bad-rows", "quarantine").returncode == 0
    (answer,) = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert {f"prediction_{step}" for step in range(6)} <= answer.keys()
    assert answer["quantiles_0_0"] <= answer["prediction_0"] == answer["quantiles_0_1"] <= answer["quantiles_0_2"]


def test_rows_are_answered_by_the_last_window_of_each_series(ran, warm, tmp_path):
    rows = (ran / "load.csv").read_text() + "2024-01-20 00:00:00,west,5\n"
    (tmp_path / "rows.csv").write_text(rows)
    asked = warm.run("predict", ran / "models" / "load", tmp_path / "rows.csv", "-o", tmp_path / "out.jsonl")
    assert asked.returncode == 0, asked.stderr
    said = "1 of 3 series are shorter than the 48 steps that the model looks back on, and got no answer: meter west."
    assert said in asked.stderr
    north, south = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert (north["meter"], north["time"], north["time_0"]) == ("north", "2024-01-21 23:00:00", "2024-01-22 00:00:00")
    assert 80 < north["prediction_0"] < 130
    assert 320 < south["prediction_0"] < 520
    loads = {time: float(load) for time, meter, load in csv.reader(rows.splitlines()[1:]) if meter == "south"}
    window = [load for _, load in sorted(loads.items())][-48:]
    (tmp_path / "windows.jsonl").write_text(json.dumps({"load": window}) + "\n")
    warm.run("predict", ran / "models" / "load", tmp_path / "windows.jsonl", "-o", tmp_path / "of_window.jsonl")
    of_window = json.loads((tmp_path / "of_window.jsonl").read_text())
    assert of_window["prediction_5"] == pytest.approx(south["prediction_5"], rel=1e-5)


def test_a_table_of_rows_is_answered_by_one_with_a_row_a_series(ran):
    table = pyarrow.csv.read_csv(ran / "load.csv")
    found = stellwerk.predict(ran / "models" / "load", table)
    assert found.column_names[:3] == ["meter", "time", "time_0"]
    assert found["meter"].to_pylist() == ["north", "south"]
    pandas = stellwerk.predict(ran / "models" / "load", table.to_pandas())
    assert pandas["prediction_0"].tolist() == found["prediction_0"].to_pylist()


@pytest.mark.parametrize(
    ("example", "columns"),
    [("co2", ("co2", "co2_future")), ("glucose", ("glucose", "isig", "glucose_future"))],
)
def test_the_examples_are_short_and_right(example, columns):
    spec = ROOT / "examples" / example / "pipeline.yaml"
    loaded = load(spec)
    assert loaded.spec.target.column == f"{example}_future"
    assert loaded.spec.data.windows.columns == columns
    assert loaded.spec.evaluate.require["mae"].over == "seasonal_naive"
    assert len(spec.read_text().splitlines()) < 40
