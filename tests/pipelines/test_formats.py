"""Formats besides the SavedModel: a step of their own, and one model that is judged, pushed and compared."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from stellwerk.components.artifacts.folders import overall
from stellwerk.components.conversion import formats
from stellwerk.components.conversion.formats import CONVERTERS, Converter
from stellwerk.errors import SpecError
from stellwerk.loading import load
from stellwerk.pipelines.checking import check
from stellwerk.pipelines.embedded.previous_artifacts import baseline
from stellwerk.pipelines.graph import graph
from stellwerk.pipelines.kubeflow.compilation import compile as compile_spec

MODEL = b"a model"
BEFORE = overall({"saved_model.pb": hashlib.sha256(MODEL).hexdigest()})
SPEC = """\
name: flights
data: {sources: {flights: flights.csv}}
features: {distance: {type: number}}
target: {column: late, type: binary}
"""


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.yaml").write_text(SPEC, encoding="utf-8")
    (tmp_path / "flights.csv").write_text("distance,late\n" + "\n".join(f"{i},{i % 2}" for i in range(50)) + "\n")
    return Path("p.yaml")


@pytest.mark.parametrize("push", ["push={to: models}", "push={to: models, formats: [saved_model]}", "push=null"])
def test_a_saved_model_alone_needs_no_conversion(spec, push: str):
    steps = graph(load(spec, [push])).steps
    assert "convert" not in [step.name for step in steps]
    assert {step.inputs["model"] for step in steps if "model" in step.inputs} == {("train", "model")}


def test_with_formats_the_converted_model_is_judged_rehearsed_and_pushed(spec):
    loaded = load(spec, ["push={to: models, formats: [onnx, saved_model, litert, onnx], rehearse: {}}"])
    steps = {step.name: step for step in graph(loaded).steps}
    assert list(steps)[-5:] == ["train", "convert", "evaluate", "rehearse", "push"]
    assert steps["convert"].parameters == {"formats": ["onnx", "litert"]}
    for name in ("evaluate", "rehearse", "push"):
        assert steps[name].inputs["model"] == ("convert", "converted")


def test_formats_travel_to_kubeflow(spec, tmp_path):
    overrides = ["push={to: models, formats: [litert]}", "cluster.image=registry.example/stellwerk:0.1.0"]
    compile_spec(load(spec, overrides), tmp_path / "ir.yaml")
    assert "exec-convert" in (tmp_path / "ir.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("litert_in8", r"unknown format 'litert_in8'\. Did you mean 'litert_int8'\? Known: saved_model, litert, "),
        ("tensorflow_js", r"unknown format 'tensorflow_js'"),
    ],
)
def test_a_format_that_cannot_be_pushed_is_refused_at_its_line(spec, name: str, message: str):
    spec.write_text(f"{SPEC}push: {{to: models, formats: [litert, {name}]}}\n", encoding="utf-8")
    with pytest.raises(SpecError, match=rf"p\.yaml:5: push\.formats\[1\]: {message}"):
        load(spec)


def test_a_format_whose_libraries_are_not_here_is_told_before_anything_runs(spec, monkeypatch):
    monkeypatch.setitem(CONVERTERS, "onnx", Converter("nothing", "onnx", "model.onnx", ("not_installed_here",)))
    loaded = load(spec, ["push={to: models, formats: [litert, onnx]}"])
    (problem,) = check(loaded)
    assert problem.path == "push.formats[1]"
    assert problem.message == "onnx needs the packages not_installed_here: pip install 'stellwerk[formats]'."
    assert check(loaded, data=False) == [], "what is compiled for a cluster runs in an image"


def test_tensorrt_is_refused_at_its_line_where_no_gpu_is_here_and_may_run_on_a_cluster(spec, monkeypatch):
    monkeypatch.setattr(formats, "has_nvidia_gpu", lambda: False)
    loaded = load(spec, ["push={to: models, formats: [xla, tensorrt]}"])
    (problem,) = check(loaded)
    assert problem.path == "push.formats[1]"
    assert problem.message.startswith(
        "tensorrt needs an NVIDIA GPU, for an engine is built on the kind of GPU that runs it"
    )
    assert check(loaded, data=False) == []


def _pushed(folder: Path, version: int, provenance: dict[str, str]) -> None:
    """Writes a pushed version, which `BEFORE` is the digest of."""
    place = folder / "models" / "flights" / str(version)
    place.mkdir(parents=True)
    (place / "saved_model.pb").write_bytes(MODEL)
    (place / "provenance.json").write_text(json.dumps(provenance))


def test_a_pushed_model_is_no_baseline_of_itself_whatever_its_variants(spec, tmp_path):
    for version, digest in ((1, BEFORE), (2, "with variants")):
        _pushed(tmp_path, version, {"model_digest": digest})
    loaded = load(spec, ["push={to: models, formats: [litert]}"])
    assert baseline(loaded, tmp_path / "runs", "trained", "with variants") == (tmp_path / "models" / "flights" / "1")


def test_a_model_that_is_pushed_again_in_more_formats_is_not_compared_with_itself(spec, tmp_path):
    pushed = [
        {"model_digest": BEFORE, "trained_digest": BEFORE},
        {"model_digest": "trained", "trained_digest": "trained"},
        {"model_digest": "with litert", "trained_digest": "trained"},
    ]
    for version, provenance in enumerate(pushed, 1):
        _pushed(tmp_path, version, provenance)
    loaded = load(spec, ["push={to: models, formats: [litert, onnx]}"])
    assert baseline(loaded, tmp_path / "runs", "trained", "with both") == (tmp_path / "models" / "flights" / "1")
