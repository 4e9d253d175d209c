"""Variants of real models answer as the SavedModel does, each in its own runtime, and are held to the same requirements."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from stellwerk.components.artifacts.folders import read_json
from stellwerk.components.conversion.formats import CONVERTERS
from stellwerk.errors import ModelError
from stellwerk.serving.loading import LoadedModel
from stellwerk.serving.runtimes import Variant
from stellwerk.serving.runtimes.description import variant_folders

FORMATS = ["litert", "litert_dynamic", "litert_float16", "litert_int8", "onnx", "xla"]
APART = {"litert": 1e-5, "litert_dynamic": 0.1, "litert_float16": 2e-3, "litert_int8": 0.2, "onnx": 1e-5, "xla": 1e-5}


def test_a_version_holds_the_same_saved_model_and_all_its_variants(models, all_formats):
    assert [folder.name for folder in variant_folders(all_formats)] == FORMATS
    for file in models["binary"].model.rglob("*"):
        if file.is_file():
            assert (all_formats / file.relative_to(models["binary"].model)).read_bytes() == file.read_bytes()


def test_the_file_beside_a_variant_says_what_it_takes(all_formats):
    about = read_json(all_formats / "variants" / "litert_int8" / "variant.json")
    assert about["inputs"]["distance"] == {"dtype": "float32", "shape": [None]}
    assert about["inputs"]["route"] == {"dtype": "int32", "shape": [None]}
    assert about["outputs"] == {"probabilities": {"dtype": "float32", "shape": [None, 1]}}
    assert about["calibration_rows"] == 512
    with LoadedModel(all_formats) as model:
        given = model.signature(about["transform"]["signature"]).outputs
    assert {name: [tensor.type_name, list(tensor.shape)] for name, tensor in given.items()} == {
        name: [one["dtype"], one["shape"]] for name, one in about["inputs"].items()
    }


def test_the_two_halves_of_a_saved_model_are_the_whole(all_formats):
    raw = {"distance": np.float32([100, np.nan, 900]), "carrier": ["AA", "", "new"], "day": ["mon", "tue", "wed"]}
    raw = {name: np.array(values, None if name == "distance" else object) for name, values in raw.items()}
    with LoadedModel(all_formats) as model:
        whole = model.predict(raw)["probabilities"]
        seen = model.predict(raw, "transform")
        assert np.array_equal(model.predict(seen, "serve_transformed")["probabilities"], whole)
        for folder in variant_folders(all_formats):
            with Variant(folder) as variant:
                apart = np.abs(variant.predict(seen)["probabilities"] - whole).max()
                assert apart <= APART[variant.format], variant.format


def test_a_variant_takes_any_number_of_rows(all_formats):
    for name in ("litert_int8", "onnx", "xla"):
        with Variant(all_formats / "variants" / name) as variant:
            for rows in (3, 1, 0, 7):
                inputs = {key: np.zeros(rows, about["dtype"]) for key, about in variant.about["inputs"].items()}
                assert variant.predict(inputs)["probabilities"].shape == (rows, 1)


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_the_network_that_no_spec_names_answers_the_same_in_every_format(make, convert_here, kind):
    made = make(kind, network={"type": "ensemble"})
    status, folder, events = convert_here(made, "litert", "litert_dynamic", "onnx")
    assert status == 0, events
    raw = {"distance": np.float32([100, np.nan, 900]), "carrier": ["AA", "", "new"], "day": ["mon", "tue", "wed"]}
    raw = {name: np.array(values, None if name == "distance" else object) for name, values in raw.items()}
    with LoadedModel(made.model) as model:
        seen = model.predict(raw, "transform")
        whole = model.predict(seen, "serve_transformed")["probabilities"]
    for name in ("litert", "litert_dynamic", "onnx"):
        with Variant(folder / name) as variant:
            assert np.abs(variant.predict(seen)["probabilities"] - whole).max() <= APART[name], name


def test_quantised_variants_are_smaller(all_formats):
    size = {folder.name: Variant(folder).bytes for folder in variant_folders(all_formats)}
    assert size["litert_int8"] < size["litert"]
    assert size["litert_float16"] < size["litert"]


def test_each_variant_is_held_to_the_requirements_of_the_model(models, all_formats, judge):
    verdict = judge(models["binary"], all_formats, {"auc": {"min": 0.7}})
    assert verdict.blessing["blessed"]
    assert list(verdict.rows) == ["saved_model", *FORMATS]
    assert [row.get("variant") for row in verdict.blessing["requirements"]] == [None, *FORMATS]
    for name, row in verdict.rows.items():
        assert row["ok"]
        assert row["seconds_per_row"] > 0
        assert row["seconds_one_row"] > 0
        assert abs(row["metrics"]["auc"] - verdict.rows["saved_model"]["metrics"]["auc"]) < 0.02, name
        assert row["difference"]["mean"] <= row["difference"]["max"] <= APART.get(name, 0.0)
    assert verdict.rows["saved_model"]["bytes"] == sum(
        file.stat().st_size for file in models["binary"].model.rglob("*") if file.is_file()
    )


def test_a_variant_that_misses_a_requirement_refuses_the_version_by_name(models, all_formats, judge):
    rows = judge(models["binary"], all_formats, {}).rows
    whole, quantised = (rows[name]["metrics"]["log_loss"] for name in ("saved_model", "litert_int8"))
    bound = "max" if quantised > whole else "min"
    worse = judge(models["binary"], all_formats, {"log_loss": {bound: (whole + quantised) / 2}})
    assert not worse.blessing["blessed"]
    refused = [row for row in worse.blessing["requirements"] if not row["ok"]]
    assert "litert_int8" in {row["variant"] for row in refused}
    assert {"saved_model", "litert", "onnx", "xla"} <= {name for name, row in worse.rows.items() if row["ok"]}
    for row in refused:
        assert row["sentence"].startswith(f"{row['variant']}: log_loss is ")


def test_each_variant_is_compared_with_the_last_blessed_model(models, all_formats, judge):
    verdict = judge(models["binary"], all_formats, {"auc": {"min_gain": -0.05}}, baseline=models["binary"].model)
    assert verdict.blessing["blessed"]
    rows = {row.get("variant"): row for row in verdict.blessing["requirements"]}
    assert rows[None]["difference"] == 0
    assert "the last blessed model's" in rows["litert_int8"]["sentence"]


@pytest.mark.parametrize("kind", ["multiclass", "regression"])
def test_other_targets_convert_too(models, convert_here, judge, kind: str):
    formats = ("litert", "litert_int8", "onnx", "xla")
    status, variants, events = convert_here(models[kind], *formats)
    assert (status, events) == (0, [f'{{"done": "{name}"}}' for name in formats])
    model = variants.parent / "model"
    shutil.copytree(models[kind].model, model)
    shutil.move(variants, model / "variants")
    metric, least = {"multiclass": ("accuracy", 0.5), "regression": ("r2", 0.5)}[kind]
    verdict = judge(models[kind], model, {metric: {"min": least}})
    assert verdict.blessing["blessed"], [row["sentence"] for row in verdict.blessing["requirements"]]
    scale = 40 if kind == "regression" else 1
    assert verdict.rows["litert"]["difference"]["max"] < 1e-5 * scale
    assert verdict.rows["onnx"]["difference"]["max"] < 1e-5 * scale
    assert verdict.rows["xla"]["difference"]["max"] < 1e-5 * scale
    assert 0 < verdict.rows["litert_int8"]["difference"]["mean"] < 0.1 * scale


def test_a_model_without_variants_is_evaluated_as_ever(models, judge):
    verdict = judge(models["binary"], models["binary"].model, {"auc": {"min": 0.7}})
    assert verdict.rows == {}
    assert [row.get("variant") for row in verdict.blessing["requirements"]] == [None]


def test_a_damaged_variant_does_not_load(all_formats, tmp_path):
    shutil.copytree(all_formats / "variants" / "litert", tmp_path / "litert")
    (tmp_path / "litert" / "model.tflite").write_bytes(b"no flatbuffer")
    with pytest.raises(ModelError, match=r"litert: this variant does not load: .* Convert the model again\."):
        Variant(tmp_path / "litert")


def test_a_variant_whose_runtime_is_not_installed_says_what_to_install(all_formats, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(ModelError, match=r"pip install 'stellwerk\[formats\]'"):
        Variant(all_formats / "variants" / "onnx")


def test_a_variant_says_which_versions_made_it(all_formats):
    assert set(read_json(all_formats / "variants" / "onnx" / "variant.json")["versions"]) == {
        "tensorflow", "tf2onnx", "onnx",
    }  # fmt: skip
    json.dumps(read_json(all_formats / "variants" / "onnx" / "variant.json"), allow_nan=False)


def test_the_xla_variant_is_compiled_in_the_loader_of_tensorflow_serving_too(all_formats):
    folder = all_formats / "variants" / "xla" / "saved_model"
    graph = tf.saved_model.load(str(folder)).signatures["serve_transformed"].graph.as_graph_def()
    assert any(function.attr["_XlaMustCompile"].b for function in graph.library.function)
    with LoadedModel(folder) as model:
        assert list(model.signatures) == ["serve_transformed"]


def test_the_xla_variant_holds_the_network_and_nothing_of_the_transform(all_formats):
    with Variant(all_formats / "variants" / "xla") as variant:
        assert variant.about["file"] == "saved_model"
        assert variant.bytes == variant.about["bytes"]
    assert not list(variant.folder.rglob("assets*/*"))


@pytest.mark.skipif(CONVERTERS["tensorrt"].refusal() is not None, reason="needs an NVIDIA GPU and TensorRT")
def test_a_tensorrt_engine_answers_as_the_saved_model_does(models, convert_here, judge):
    status, variants, _ = convert_here(models["binary"], "tensorrt")
    assert status == 0
    model = variants.parent / "model"
    shutil.copytree(models["binary"].model, model)
    shutil.move(variants, model / "variants")
    verdict = judge(models["binary"], model, {"auc": {"min": 0.7}})
    assert verdict.blessing["blessed"]
    assert verdict.rows["tensorrt"]["difference"]["max"] < 1e-2
