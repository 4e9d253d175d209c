"""A forecast with what is known ahead, from rows as they come (unsorted, doubled, with gaps): learned, converted, served and predicted alike."""

from __future__ import annotations

import json
import random
import urllib.request
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from stellwerk.components.artifacts.examples import Examples
from stellwerk.serving.config import ModelConfig
from stellwerk.serving.server import ModelServer, ServerOptions

PAST, FUTURE, DAYS = 14, 3, 500
SPEC = f"""\
name: shops
data:
  sources: {{rows: rows.csv}}
  windows: {{order: day, key: [shop], past: {PAST}, future: {FUTURE}, gaps: last}}
  split: {{by: time, column: day, train: 0.7, eval: 0.15, test: 0.15}}
validate: {{on_anomaly: warn}}
features:
  sales: {{type: series}}
  sale_ahead: {{type: series, columns: [sale_future], scale: none}}
target: {{column: sales, type: forecast}}
model: {{type: dense, hidden: [32], dropout: 0.0}}
train: {{epochs: 25, batch_size: 32, optimizer: {{learning_rate: 0.005}}}}
push: {{to: models, formats: [saved_model, litert, onnx]}}
"""


def rows() -> list[str]:
    """Days of two shops that sell twice as much in a sale, which comes without a rhythm; of a third there are five days."""
    chance, made = random.Random(5), []
    for shop, level in (("a", 20), ("b", 90)):
        for day in range(DAYS + FUTURE):
            sale = int(chance.random() < 0.3)
            sold = round(level * (1 + sale) * chance.uniform(0.97, 1.03), 2) if day < DAYS else ""
            if day % 97 != 50:
                made.append(f"{day},{shop},{sold},{sale}")
            if day % 90 == 7:
                made.append(f"{day},{shop},{level},{sale}")
    made += [f"{day},new,{day},0" for day in range(5)]
    chance.shuffle(made)
    return ["day,shop,sales,sale", *made]


@pytest.fixture(scope="module")
def ran(tmp_path_factory, warm) -> Path:
    folder = tmp_path_factory.mktemp("shops")
    (folder / "rows.csv").write_text("\n".join(rows()) + "\n")
    (folder / "shops.yaml").write_text(SPEC)
    done = warm.run("run", folder / "shops.yaml", timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def forecasts(ran, warm) -> list[dict]:
    """What `predict` answers for the rows."""
    done = warm.run(
        "predict",
        ran / "models" / "shops",
        ran / "rows.csv",
        "-o",
        ran / "out.jsonl",
        "--keep",
        "shop",
        "--keep",
        "day",
    )
    assert done.returncode == 0, done.stderr
    assert "shorter than the 14 steps that the model looks back on, and got no answer: shop new." in done.stderr
    return [json.loads(line) for line in (ran / "out.jsonl").read_text().splitlines()]


def windows() -> list[dict[str, list[float]]]:
    """The last window of each long series, by other means."""
    found = []
    for shop in ("a", "b"):
        of = sorted(
            (int(day), sold, float(sale))
            for day, name, sold, sale in (row.split(",") for row in rows()[1:])
            if name == shop
        )
        past = {day: float(sold) for day, sold, _ in reversed(of) if sold}
        ahead = {day: sale for day, _, sale in of}
        found.append(
            {
                "sales": [past[day] for day in range(DAYS - PAST, DAYS)],
                "sale_future": [ahead[day] for day in range(DAYS, DAYS + FUTURE)],
            }
        )
    return found


def test_rows_that_are_unsorted_doubled_or_missing_are_accounted_for(ran):
    (folder,) = {file.parent for file in (ran / "runs").rglob("ingest/**/dataset.json")}
    counts = Examples.open(folder).manifest["windows"]["counts"]
    assert (counts["series"], counts["short"]) == (3, 1)
    assert counts["doubled"] == 12
    assert counts["gaps"] == 10
    assert any("series are shorter than a window" in one for one in counts["said"])


def test_what_is_known_ahead_makes_the_forecast_better_than_the_past_alone_could(ran):
    (file,) = (ran / "runs").rglob("evaluation.json")
    found = json.loads(file.read_text())
    assert found["slices"][0]["metrics"]["mae"] < 0.5 * found["baselines"]["naive"]["mae"]


def test_variants_are_judged_like_the_model(ran):
    (file,) = (ran / "runs").rglob("evaluation.json")
    found = {one["format"]: one for one in json.loads(file.read_text())["variants"]}
    assert set(found) == {"saved_model", "litert", "onnx"}
    assert all(one["ok"] for one in found.values())
    assert found["litert"]["metrics"]["mae"] == pytest.approx(found["saved_model"]["metrics"]["mae"], rel=1e-4)
    assert found["onnx"]["metrics"]["mae"] == pytest.approx(found["saved_model"]["metrics"]["mae"], rel=1e-4)
    (pushed,) = (ran / "models" / "shops").glob("1")
    assert {path.name for path in pushed.rglob("*") if path.suffix in (".tflite", ".onnx")} == {
        "model.tflite",
        "model.onnx",
    }


def test_rest_grpc_and_predict_give_the_same_forecast(ran, forecasts):
    asked, wanted = windows(), [[row[f"prediction_{step}"] for step in range(FUTURE)] for row in forecasts]
    assert [(row["shop"], row["day"]) for row in forecasts] == [("a", str(DAYS - 1)), ("b", str(DAYS - 1))]
    served = ModelConfig("shops", ran / "models" / "shops")
    with ModelServer([served], ServerOptions(rest_port=0, grpc_port=0)) as server:
        address = f"http://{server.rest.address[0]}:{server.rest.address[1]}/v1/models/shops:predict"
        request = urllib.request.Request(address, json.dumps({"instances": asked}).encode())
        with urllib.request.urlopen(request) as answer:
            rest = json.load(answer)["predictions"]
        with grpc.insecure_channel(f"127.0.0.1:{server.grpc.port}") as channel:
            message = predict_pb2.PredictRequest()
            message.model_spec.name = "shops"
            for name in asked[0]:
                values = np.array([one[name] for one in asked], np.float32)
                message.inputs[name].CopyFrom(tf.make_tensor_proto(values))
            given = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(message)
            (output,) = given.outputs.values()
    np.testing.assert_allclose(rest, wanted, rtol=1e-5)
    np.testing.assert_allclose(tf.make_ndarray(output), wanted, rtol=1e-5)
