"""What encoders make is served by TensorFlow, LiteRT and ONNX alike, or refused by what cannot."""

from __future__ import annotations

import json

import numpy as np
import pytest

from stellwerk.components.conversion import converter
from stellwerk.components.conversion.network import Network
from stellwerk.serving.runtimes import Variant

ENCODERS = {
    "cnn, lstm, conv1d": {
        "picture": {"type": "cnn", "blocks": [4, 8], "residual": True, "normalization": "layer"},
        "said": {"type": "lstm", "units": 6, "bidirectional": True, "unroll": True},
        "wave": {"type": "conv1d", "blocks": [4], "pooling": "mean"},
    },
    "transformer, gru, embedding": {
        "picture": {"type": "cnn", "blocks": [4], "pooling": "flatten"},
        "said": {"type": "transformer", "layers": 1, "width": 8, "heads": 2, "pooling": "cls"},
        "wave": {"type": "gru", "units": 5, "layers": 2, "unroll": True},
    },
}


def _converted(run, prepared, folder, *formats):
    events = folder / "events.jsonl"
    converter.main(str(run.model), str(prepared.transformed), str(folder), str(events), *formats)
    return [json.loads(line) for line in events.read_text().splitlines()]


@pytest.mark.parametrize("named", list(ENCODERS))
def test_other_runtimes_answer_as_tensorflow_does(told_apart, run_train, tmp_path, named):
    encoding = {feature: {"encoder": encoder} for feature, encoder in ENCODERS[named].items()}
    architecture = {"type": "attention", "layers": 1, "width": 8, "heads": 2} if "gru" in named else None
    run = run_train(told_apart, architecture, encoding=encoding, epochs=1)
    assert run.about["hyperparameters"]["encoding"]["said"]["encoder"]["type"] == ENCODERS[named]["said"]["type"]
    assert _converted(run, told_apart, tmp_path, "litert", "onnx") == [{"done": "litert"}, {"done": "onnx"}]
    network = Network(run.model, told_apart.transformed)
    rows = {name: np.concatenate([row[name] for row in network.rows()]) for name in network.specs}
    wanted = {name: value.numpy() for name, value in network.answer(rows).items()}
    for format_name in ("litert", "onnx"):
        with Variant(tmp_path / format_name) as variant:
            answered = variant.predict(rows)
        for name, value in wanted.items():
            assert np.allclose(answered[name], value, atol=1e-5), (format_name, name)


def test_litert_says_that_it_has_no_loops(told_apart, run_train, tmp_path):
    run = run_train(told_apart, encoding={"said": {"encoder": {"type": "gru", "units": 4}}}, epochs=1)
    done, failed = _converted(run, told_apart, tmp_path, "onnx", "litert")
    assert done == {"done": "onnx"}
    assert "LiteRT has no loops with weights inside" in failed["failed"]
    assert "unroll: true" in failed["failed"]
