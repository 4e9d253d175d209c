"""One table whose columns are called as people call theirs: trained on, served, predicted, converted and shown by those names."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import classification_pb2

from stellwerk.loading import load
from stellwerk.naming import file_name, original, safe
from stellwerk.pipelines.checking import check
from stellwerk.serving.runtimes import Variant

NUMBERS = [
    *("Annual Income", "$cost", "%share", "(net)", "#rooms", "a:b", "a,b", "it's", 'say "hi"', "größe", "年齢", "_x"),
    *(
        "class",
        "from",
        "None",
        "self",
        "inputs",
        "split",
        "train",
        "label",
        "A b",
        "A_b",
        "a/b",
        "0",
        "named_x",
        "n" * 300,
    ),
]
WORDS = ["Plan Name", "ort (PLZ)", "地域", "CamelCase"]
ROWS = 300


@pytest.fixture(scope="module")
def rows() -> list[dict[str, object]]:
    random = np.random.default_rng(5)
    made = []
    for number in range(ROWS):
        row = {"key #": number, **{name: round(float(random.normal()), 3) for name in NUMBERS}}
        row |= {name: str(random.choice(["a", "b", "ü"])) for name in WORDS}
        made.append({**row, "left?": int(row["Annual Income"] + row["年齢"] > 0)})
    return made


@pytest.fixture(scope="module")
def ran(tmp_path_factory, rows, write, stellwerk) -> Path:
    """The folder of the pipeline after a run that pushed."""
    features = {name: {"type": "number"} for name in NUMBERS} | {name: {"type": "category"} for name in WORDS}
    spec = write(
        tmp_path_factory.mktemp("names"),
        rows,
        data={"sources": {"table": "data.csv"}, "split": {"by": "hash", "key": ["key #"]}},
        features={**features, "both words": {"type": "cross", "columns": WORDS[:2]}},
        target={"column": "left?", "type": "binary"},
        model={"type": "wide_deep", "hidden": [8]},
        evaluate={"slices": [["地域"]], "metrics": ["auc"], "over": "nothing"},
        push={"to": "models", "formats": ["saved_model", "litert", "onnx"]},
    )
    done = stellwerk("run", spec)
    assert done.returncode == 0, done.stderr
    return spec.parent


@pytest.fixture(scope="module")
def served(ran, serving):
    return serving(ran / "models" / "t")


@pytest.fixture(scope="module")
def row(rows) -> dict[str, object]:
    return {name: rows[0][name] for name in (*NUMBERS, *WORDS)}


@pytest.fixture(scope="module")
def probability(ran, stellwerk) -> float:
    """What `predict` says of the first row."""
    done = stellwerk("predict", ran / "models" / "t", ran / "data.csv", "-o", ran / "out.csv")
    assert done.returncode == 0, done.stderr
    with (ran / "out.csv").open(newline="", encoding="utf-8") as file:
        answers = list(csv.DictReader(file))
    assert len(answers) == ROWS
    return float(answers[0]["probability"])


def test_rest_takes_columns_by_their_names(served, row, probability):
    assert served.instances(row)[0] == pytest.approx([probability], abs=1e-5)


def test_grpc_takes_columns_by_their_names(served, row, probability):
    tensors = {name: [value] if isinstance(value, str) else np.float32([value]) for name, value in row.items()}
    answer = served.grpc(tensors)
    assert answer["probabilities"].item() == pytest.approx(probability, abs=1e-5)


def test_examples_hold_columns_by_their_names(served, row, probability):
    example = tf.train.Example()
    for name, value in row.items():
        feature = example.features.feature[name]
        if isinstance(value, str):
            feature.bytes_list.value.append(value.encode())
        else:
            feature.float_list.value.append(value)
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name = "t"
    request.model_spec.signature_name = "classify"
    request.input.example_list.examples.append(example)
    answer = served.stub(lambda stub: stub.Classify(request, timeout=60))
    scores = {one.label: one.score for one in answer.result.classifications[0].classes}
    assert scores["1"] == pytest.approx(probability, abs=1e-5)


@pytest.mark.parametrize("format_", ["litert", "onnx"])
def test_variants_call_their_inputs_as_the_features_are_called(ran, format_):
    folder = ran / "models" / "t" / "1" / "variants" / format_
    with Variant(folder) as variant:
        assert {*NUMBERS, *WORDS, "both words"} == set(variant.about["inputs"])
        zeros = {name: np.zeros([2], about["dtype"]) for name, about in variant.about["inputs"].items()}
        assert variant.predict(zeros)["probabilities"].shape == (2, 1)


def test_pythons_own_loader_finds_the_names_of_the_halves(ran):
    loaded = tf.saved_model.load(str(ran / "models" / "t" / "1"))
    _, arguments = loaded.signatures["serve_examples"].structured_input_signature
    assert set(arguments) == {"examples"}
    transformed = loaded.signatures["transform"].structured_outputs
    assert {*NUMBERS, *WORDS} <= set(transformed)


def test_the_report_and_the_record_show_names_as_they_are(ran):
    (run,) = (path for path in (ran / "runs" / "t").iterdir() if (path / "run.json").exists())
    page = (run / "report.html").read_text(encoding="utf-8")
    for name in ("Annual Income", "年齢", "ort (PLZ)", "$cost", "say &#34;hi&#34;"):
        assert name in page or name.replace("&#34;", "&quot;") in page, name
    inputs = json.loads((ran / "models" / "t" / "1" / "assets.extra" / "stellwerk.json").read_text())["inputs"]
    assert set(inputs) == {*NUMBERS, *WORDS}
    assert not re.search(r"named_(_[0-9a-f]+_|\w)+", page.replace("named_x", ""))


def test_a_feature_may_not_have_a_line_break_in_its_name(tmp_path):
    (tmp_path / "data.csv").write_text("x,y\n1,0\n2,1\n")
    spec = tmp_path / "p.yaml"
    spec.write_text(
        'name: t\ndata: {sources: {c: data.csv}}\nfeatures: {"a\\nb": {type: number, column: x}}\n'
        "target: {column: y, type: binary}\n"
    )
    with pytest.raises(Exception, match="must be 1 to 300 letters, digits, blanks or signs"):
        check(load(spec))


@pytest.mark.parametrize("name", [*NUMBERS, *WORDS, "", "a_41_b", "named__41_", "AGE", "Age", "age", "\U0001f642"])
def test_a_safe_name_leads_back_to_its_own(name):
    assert original(safe(name)) == name
    assert re.fullmatch(r"[a-z][a-z0-9_]*", safe(name))
    assert len(file_name(name)) <= 200
