"""The guide of several labels a row is true: digits and what is true of each, from lists of texts to answers of a server."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import grpc
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from stellwerk.components.artifacts.examples import Examples
from stellwerk.serving.config import ModelConfig
from stellwerk.serving.loading import LoadedModel
from stellwerk.serving.server import ModelServer, ServerOptions
from stellwerk.serving.tensors import inputs_from_batch
from stellwerk.tables.lists import matrix
from stellwerk.tasks.multilabel.label import encode

NAMES = ["even", "prime", "round", "square"]


@pytest.fixture(scope="module")
def ran(followed) -> Path:
    """The folder in which the guide was followed."""
    return followed("labels")


def run_of(folder: Path) -> Path:
    (run,) = (folder / "runs" / "digits").glob("[0-9]*")
    return run


def test_the_model_is_better_than_its_baselines_and_each_label_is_counted(ran):
    (file,) = run_of(ran).rglob("evaluation.json")
    found = json.loads(file.read_text())
    f1 = {name: found["baselines"][name]["f1"] for name in ("trivial", "linear")}
    assert found["slices"][0]["metrics"]["f1"] > f1["linear"] > f1["trivial"]
    assert len(found["slices"]) == 11
    assert {row["label"] for row in found["labels"]} == set(NAMES)
    assert all(row["f1"] > 0.8 and row["auc"] > 0.9 for row in found["labels"])
    assert found["excluded"] == {"missing": 0, "unseen": 0, "unseen_values": []}


def test_the_label_in_the_graph_is_that_of_arrow(ran):
    (raw,) = {file.parent for file in run_of(ran).rglob("ingest/**/dataset.json")}
    (made,) = {file.parent for file in run_of(ran).rglob("transform/**/dataset.json")}
    given = pa.Table.from_batches(Examples.open(raw).batches("eval", ["tags"]))["tags"].combine_chunks()
    labels = pa.Table.from_batches(Examples.open(made).batches("eval", ["label"]))["label"].combine_chunks()
    assert matrix(labels).tolist() == encode(given, NAMES).tolist()
    assert "" in given.to_pylist() or "even|round" in given.to_pylist()


def test_the_report_has_a_table_by_label(ran):
    page = (run_of(ran) / "report.html").read_text()
    assert "By class" in page
    assert all(name in page for name in NAMES)
    assert "Hamming loss" in page


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_predict_names_the_labels_from_the_threshold_on(ran, stellwerk, tmp_path, ending):
    rows = pq.read_table(ran / "digits.parquet").drop(["tags"])
    pq.write_table(rows.slice(0, 50), tmp_path / "new.parquet")
    asked = ("predict", ran / "models" / "digits", tmp_path / "new.parquet", "-o", tmp_path / f"out.{ending}")
    done = stellwerk(*asked, "--threshold", "0.3", "--all-probabilities")
    assert done.returncode == 0, done.stderr
    if ending == "parquet":
        found = pq.read_table(tmp_path / "out.parquet").to_pylist()
    elif ending == "jsonl":
        found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    else:
        header, *lines = (line.split(",") for line in (tmp_path / "out.csv").read_text().splitlines())
        found = [dict(zip(header, line, strict=True)) for line in lines]
    for row in found:
        above = [name for name in NAMES if float(row[f"probability_{name}"]) >= 0.3]
        assert row["predicted"] == "|".join(above)
        given = [float(text) for text in row["probability"].split("|") if text]
        assert given == pytest.approx([float(row[f"probability_{name}"]) for name in above], abs=1e-4)


def test_a_server_answers_probabilities_and_the_names_of_the_labels_by_both_ways_in(ran):
    rows = pq.read_table(ran / "digits.parquet").drop(["tags", "digit"]).slice(0, 2)
    with LoadedModel(next((ran / "models" / "digits").glob("[0-9]*"))) as model:
        (batch,) = rows.combine_chunks().to_batches()
        expected = model.predict(inputs_from_batch(batch, model.inputs))["probabilities"]
    config = ModelConfig("digits", ran / "models" / "digits")
    with ModelServer([config], ServerOptions(rest_port=0, grpc_port=0)) as server:
        body = json.dumps({"instances": rows.to_pylist()}).encode()
        with urllib.request.urlopen(f"{server.url('digits')}:predict", body) as answer:
            found = json.load(answer)["predictions"]
        body = json.dumps({"examples": rows.to_pylist()}).encode()
        with urllib.request.urlopen(f"{server.url('digits')}:classify", body) as answer:
            classified = json.load(answer)["results"]
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "digits"
        for name, values in rows.to_pydict().items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(np.array(values, np.float32)))
        with grpc.insecure_channel(server.grpc_address) as channel:
            by_grpc = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=60).outputs
    assert [one["labels"] for one in found] == [NAMES, NAMES]
    assert np.array([one["probabilities"] for one in found]) == pytest.approx(expected, abs=1e-5)
    assert tf.make_ndarray(by_grpc["probabilities"]) == pytest.approx(expected, abs=1e-5)
    assert [name for name, _ in classified[0]] == NAMES
    assert [score for _, score in classified[0]] == pytest.approx(expected[0].tolist(), abs=1e-5)


def test_init_takes_a_text_for_labels_when_it_is_asked_to(ran, stellwerk, tmp_path):
    rows = pq.read_table(ran / "digits.parquet")
    texts = pa.array(["|".join(tags) for tags in rows["tags"].to_pylist()])
    pq.write_table(rows.drop(["tags"]).append_column("tags", texts), tmp_path / "digits.parquet")
    asked = ("init", "digits.parquet", "--target", "tags", "--task", "multilabel")
    done = stellwerk(*asked, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "target: {column: tags, type: multilabel}" in (tmp_path / "pipeline.yaml").read_text()
    assert stellwerk("check", "pipeline.yaml", cwd=tmp_path).returncode == 0
