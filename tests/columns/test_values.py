"""Values as people have them, and the same meaning of each in training, `predict`, REST, gRPC and tf.Example."""

from __future__ import annotations

import csv
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tensorflow_serving.apis import classification_pb2

ROWS = 240
SPLIT = {"by": "hash", "key": ["id"], "train": 0.7, "eval": 0.15, "test": 0.15}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    chance, made = random.Random(3), []
    for number in range(ROWS):
        day = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=chance.randrange(1500), hours=chance.randrange(24))
        made.append(
            {
                "id": number,
                "vip": chance.choice(["true", "false", ""]),
                "code": chance.choice(["1.0", "2.0", "30000001.0", ""]),
                "since": day.strftime("%Y-%m-%d"),
                "seen": day.strftime("%Y-%m-%d %H:%M:%S UTC"),
                "born": day.strftime("%d.%m.%Y"),
                "digits": day.strftime("%Y%m%d"),
                "left": chance.choice(["true", "false"]),
            }
        )
    for row in made[:40]:
        row["seen"] = "soon"
    return made


@pytest.fixture(scope="module")
def ran(tmp_path_factory, write, stellwerk, rows) -> Path:
    """The folder of the pipeline after a run that pushed."""
    spec = write(
        tmp_path_factory.mktemp("values"),
        rows,
        data={"sources": {"table": "data.csv"}, "split": SPLIT},
        features={
            "vip": {"type": "boolean"},
            "code": {"type": "category"},
            "since": {"type": "time", "parts": ["month"]},
            "seen": {"type": "time", "parts": ["hour"]},
            "born": {"type": "time", "format": "%d.%m.%Y", "parts": ["month"]},
            "digits": {"type": "time", "format": "%Y%m%d"},
        },
        target={"column": "left", "type": "binary"},
        train={"epochs": 1, "class_weights": {"true": 2, "false": 1}},
        evaluate={"slices": [["code"]], "metrics": ["auc"], "over": "nothing"},
    )
    done = stellwerk("run", spec)
    assert done.returncode == 0, done.stderr
    return spec.parent


@pytest.fixture(scope="module")
def served(ran, serving):
    return serving(ran / "models" / "t")


ROW = {
    "vip": True,
    "code": 2,
    "since": 1709251200,
    "seen": "2024-03-01 10:00:00 UTC",
    "born": "01.03.2024",
    "digits": 20240301,
}


@pytest.fixture(scope="module")
def expected(served) -> float:
    """The answer for `ROW` in the types of the signature."""
    exact = {
        **ROW,
        "vip": np.float32([1]),
        "code": np.int64([2]),
        "since": np.int64([1709251200]),
        "digits": np.int64([20240301]),
    }
    answer = served.grpc({name: [value] if isinstance(value, str) else value for name, value in exact.items()})
    return float(answer["probabilities"].item())


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"vip": 1},
        {"vip": "true"},
        {"code": 2.0},
        {"since": "2024-03-01"},
        {"since": "2024-03-01T00:00:00Z"},
        {"since": "2024-03-01 02:00 GMT+02"},
        {"since": 1709251200.0},
        {"seen": "2024-03-01T12:00:00+02:00"},
    ],
)
def test_rest_reads_a_value_however_it_is_written(served, expected, changed):
    assert served.instances({**ROW, **changed})[0] == pytest.approx([expected], abs=1e-6)


def test_a_text_that_is_no_moment_is_refused(served):
    status, answer = served.rest("predict", {"instances": [{**ROW, "since": "soon"}]})
    assert status == 400
    assert "since" in answer["error"]


@pytest.mark.parametrize(
    "changed",
    [
        {"vip": np.bool_([True])},
        {"code": np.float64([2.0])},
        {"since": ["2024-03-01"]},
        {"since": np.float64([1709251200])},
    ],
)
def test_grpc_reads_a_value_in_another_type(served, expected, changed):
    given = {name: [value] if isinstance(value, str) else value for name, value in ROW.items()}
    given |= {
        "vip": np.float32([1]),
        "code": np.int64([2]),
        "since": np.int64([1709251200]),
        "digits": np.int64([20240301]),
    }
    assert served.grpc({**given, **changed})["probabilities"].item() == pytest.approx(expected, abs=1e-6)


def test_examples_may_hold_lists_of_another_type(served, expected):
    example = tf.train.Example()
    feature = example.features.feature
    feature["vip"].int64_list.value.append(1)
    feature["code"].float_list.value.append(2.0)
    feature["since"].bytes_list.value.append(b"2024-03-01")
    feature["digits"].int64_list.value.append(20240301)
    for name in ("seen", "born"):
        feature[name].bytes_list.value.append(ROW[name].encode())
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name, request.model_spec.signature_name = "t", "classify"
    request.input.example_list.examples.append(example)
    answer = served.stub(lambda stub: stub.Classify(request, timeout=60))
    scores = {one.label: one.score for one in answer.result.classifications[0].classes}
    assert scores.keys() == {"true", "false"}, "as the column has them"
    assert scores["true"] == pytest.approx(expected, abs=1e-6)


def test_the_rows_that_were_learned_from_are_predicted_in_every_format(ran, rows, stellwerk):
    moments = [datetime.strptime(row["since"], "%Y-%m-%d") for row in rows]
    truths = {"true": True, "false": False, "": None}
    table = pa.table(
        {
            "id": [row["id"] for row in rows],
            "vip": pa.array([truths[row["vip"]] for row in rows]),
            "code": pa.array([float(row["code"] or "nan") for row in rows]),
            "since": pa.array(moments, pa.timestamp("us")).cast(pa.date32()),
            "seen": [row["seen"] for row in rows],
            "born": [row["born"] for row in rows],
            "digits": [int(row["digits"]) for row in rows],
        }
    )
    pq.write_table(table, ran / "rows.parquet")
    answers = {}
    for name in ("data.csv", "rows.parquet"):
        out = ran / f"out-{name}.csv"
        done = stellwerk("predict", ran / "models" / "t", ran / name, "-o", out)
        assert done.returncode == 0, done.stderr
        with out.open(newline="", encoding="utf-8") as file:
            answers[name] = [float(row["probability"]) for row in csv.DictReader(file)]
    assert len(answers["data.csv"]) == ROWS
    assert answers["data.csv"] == pytest.approx(answers["rows.parquet"], abs=1e-6)


def test_whole_floats_are_exact_codes(ran):
    (run,) = (path for path in (ran / "runs" / "t").iterdir() if (path / "run.json").exists())
    columns = json.loads((run / "ingest" / "examples" / "dataset.json").read_text())["columns"]
    assert (columns["code"], columns["left"]) == ("int64", "string")
    evaluation = json.loads((run / "evaluate" / "evaluation" / "evaluation.json").read_text())
    slices = {str(one["slice"]["code"]) for one in evaluation["slices"] if one["slice"]}
    assert slices <= {"1", "2", "30000001", "(missing)"}
    assert len(slices) == 4


def test_what_could_not_be_read_is_counted_in_the_report(ran):
    (run,) = (path for path in (ran / "runs" / "t").iterdir() if (path / "run.json").exists())
    unread = json.loads((run / "train" / "model" / "assets.extra" / "stellwerk.json").read_text())["unread"]
    assert unread.keys() == {"seen"}
    assert 0 < unread["seen"]["unread"] <= 40 < unread["seen"]["values"]
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "are no moments as the spec has them" in page


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (["20240301", "20231124"], r"such as 20240301, which look like dates written as digits: set format: '%Y%m%d'"),
        (["1709251200000"], "milliseconds since 1970: set format: epoch_milliseconds"),
        (["2019", "2020"], "years: set format: '%Y'"),
        (["45352", "45353"], "days as Excel counts them"),
        (["20240301120000"], "moments written as digits: set format: '%Y%m%d%H%M%S'"),
    ],
)
def test_whole_numbers_that_cannot_be_seconds_are_refused(tmp_path, write, stellwerk, values, says):
    rows = [{"id": number, "at": values[number % len(values)], "y": number % 2} for number in range(400)]
    spec = write(tmp_path, rows, features={"at": {"type": "time"}}, target={"column": "y", "type": "binary"})
    checked = stellwerk("check", spec)
    assert checked.returncode == 2
    assert says in checked.stderr
    spec.write_text(spec.read_text().replace("type: time", "type: time\n    format: epoch_seconds"))
    assert stellwerk("check", spec).returncode == 0, "who says that they are seconds is believed"
