"""What cannot be converted ends in one sentence, and nothing is written."""

from __future__ import annotations

import json
import shutil

import pyarrow.parquet as pq
import pytest

from stellwerk.components.artifacts.folders import read_json, write_json
from stellwerk.components.calling import call
from stellwerk.components.conversion import converting, formats
from stellwerk.components.conversion.formats import CONVERTERS, Converter
from stellwerk.components.conversion.nvidia import has_nvidia_gpu
from stellwerk.errors import ModelError, StepFailed
from stellwerk.serving.runtimes import Variant
from stellwerk.spec.formats import FORMATS

UNSUPPORTED = """
import keras
import tensorflow as tf

class Odd(keras.layers.Layer):
    def call(self, x):
        return tf.math.bessel_i0(x)

    def compute_output_shape(self, shape):
        return shape

def build(inputs):
    x = keras.ops.stack([keras.ops.cast(one, "float32") for one in inputs.values()], axis=1)
    return Odd()(keras.layers.Dense(4)(x))
"""


def test_every_format_of_the_spec_has_a_converter():
    assert tuple(CONVERTERS) == tuple(name for name in FORMATS if name != "saved_model")


def test_an_operation_that_a_runtime_lacks_is_named(make, convert_here):
    made = make("binary", build=UNSUPPORTED)
    runtimes = {"litert": "LiteRT", "litert_int8": "LiteRT", "onnx": "ONNX", "xla": "XLA"}
    for name, runtime in runtimes.items():
        status, variants, (event,) = convert_here(made, name)
        assert status == 1
        assert json.loads(event)["failed"] == (
            f"{name}: {runtime} has no BesselI0, which the model computes with. "
            "Build it of other layers (model.build), or take this format out of push.formats."
        )
        assert not variants.exists()


def test_without_rows_nothing_can_be_calibrated(models, tmp_path, convert_here, sign):
    made, emptied = models["binary"], tmp_path / "transformed"
    shutil.copytree(made.transformed, emptied)
    manifest = read_json(emptied / "dataset.json")
    for shard in manifest["splits"]["train"]["shards"]:
        pq.write_table(pq.read_table(emptied / shard["path"]).slice(0, 0), emptied / shard["path"])
    sign(emptied)
    status, _, (event,) = convert_here(type(made)(made.target, made.examples, emptied, made.model), "litert_int8")
    assert status == 1
    assert "it is calibrated with rows of the train split, which has none" in event


def test_a_converter_that_takes_the_process_with_it_is_told_and_leaves_nothing(models, tmp_path, monkeypatch, cold):
    aborting = Converter("os.abort", "litert", "model.tflite")
    code = "import os, sys; print('LLVM ERROR: out of luck', flush=True); os.abort()"
    monkeypatch.setattr(converting, "COMMAND", ["-c", code])
    monkeypatch.setitem(CONVERTERS, "litert", aborting)
    with pytest.raises(StepFailed, match=r"^litert: the converter was killed by signal 6\. LLVM ERROR: out of luck"):
        call("convert", arguments(models["binary"], tmp_path, "litert"))
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_installed_is_named_with_its_extra(models, tmp_path, monkeypatch):
    monkeypatch.setitem(CONVERTERS, "onnx", Converter("nothing", "onnx", "model.onnx", ("onnx", "not_installed_here")))
    with pytest.raises(
        StepFailed, match=r"onnx needs the packages not_installed_here: pip install 'stellwerk\[formats\]'"
    ):
        call("convert", arguments(models["binary"], tmp_path, "litert", "onnx"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("gpu", "sentence"),
    [
        (
            False,
            "tensorrt needs an NVIDIA GPU, for an engine is built on the kind of GPU that runs it, and this machine has",
        ),
        (
            True,
            r"tensorrt needs the packages nowhere_here: pip install 'stellwerk\[formats\]' tensorrt-cu12 'cuda-bindings<13'",
        ),
    ],
)
def test_tensorrt_is_refused_with_what_is_not_here(models, tmp_path, monkeypatch, gpu, sentence):
    monkeypatch.setattr(formats, "has_nvidia_gpu", lambda: gpu)
    known = Converter("nothing", "tensorrt", "model.engine", ("onnx", "nowhere_here.inside"), nvidia=True)
    monkeypatch.setitem(CONVERTERS, "tensorrt", known)
    with pytest.raises(StepFailed, match=sentence.replace("nowhere_here", "nowhere_here.inside")):
        call("convert", arguments(models["binary"], tmp_path, "tensorrt"))
    assert list(tmp_path.iterdir()) == []


def test_a_gpu_is_where_the_driver_shows_one(tmp_path):
    assert not has_nvidia_gpu(tmp_path)
    (tmp_path / "nvidiactl").touch()
    assert not has_nvidia_gpu(tmp_path), "the driver without a GPU of its own"
    (tmp_path / "nvidia0").touch()
    assert has_nvidia_gpu(tmp_path)


def test_a_tensorrt_variant_says_what_to_install_where_it_cannot_be_asked(tmp_path):
    write_json(tmp_path / "variant.json", {"format": "tensorrt", "runtime": "tensorrt", "file": "model.engine"})
    with pytest.raises(
        ModelError, match=r"needs the package tensorrt: pip install 'stellwerk\[formats\]' tensorrt-cu12 "
    ):
        Variant(tmp_path)


def arguments(made, folder, *formats):
    return {
        "formats": list(formats),
        "model": made.model,
        "transformed": made.transformed,
        "converted": folder / "converted",
    }
