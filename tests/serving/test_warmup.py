"""Warm-up requests are replayed while a model loads, and written from real examples."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from stellwerk.errors import ModelError
from stellwerk.serving.config import ModelConfig
from stellwerk.serving.loading import LoadedModel
from stellwerk.serving.models import ModelManager
from stellwerk.serving.warmup import WARMUP_FILE, warm_up, write_warmup

ROW = {"distance": np.float32([1.0]), "carrier": np.array([b"AA"], object), "day": np.int64([2])}


class Counting:
    """A model that keeps what it was asked."""

    def __init__(self, model: LoadedModel) -> None:
        self.model = model
        self.signatures = model.signatures
        self.asked: list[tuple[str, int]] = []

    def predict(self, inputs, signature="serving_default"):
        self.asked.append((signature, len(next(iter(inputs.values())))))
        return self.model.predict(inputs, signature)

    def close(self) -> None:
        pass


@pytest.fixture
def folder(tmp_path: Path, model_path: Path) -> Path:
    """A model whose warm-up file may be written."""
    return Path(shutil.copytree(model_path, tmp_path / "pushed" / "1"))


@pytest.fixture(scope="module")
def classifier_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that classifies and regresses tf.Examples."""

    class Judge(tf.Module):
        def parsed(self, examples):
            return tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([], tf.float32)})["x"]

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
        def classified(self, inputs):
            score = self.parsed(inputs)
            return {"scores": tf.stack([1 - score, score], 1)}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
        def regressed(self, inputs):
            return {"outputs": self.parsed(inputs)}

    module, path = Judge(), tmp_path_factory.mktemp("judge") / "1"
    tf.saved_model.save(module, str(path), {"serving_default": module.classified, "value": module.regressed})
    return path


def written(folder: Path, *logs: PredictionLog | bytes) -> None:
    file = folder / WARMUP_FILE
    file.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(file)) as writer:
        for log in logs:
            writer.write(log if isinstance(log, bytes) else log.SerializeToString())


def test_what_was_written_is_replayed(folder, model):
    counting = Counting(model)
    batches = [ROW, {name: np.repeat(array, 3) for name, array in ROW.items()}]
    assert write_warmup(folder, batches) == folder / "assets.extra" / "tf_serving_warmup_requests"
    assert warm_up(counting, folder) == 2
    assert counting.asked == [("serving_default", 1), ("serving_default", 3)]


def test_the_file_is_one_that_tensorflow_serving_reads(folder):
    record = next(tf.data.TFRecordDataset(str(write_warmup(folder, [ROW]))).as_numpy_iterator())
    request = PredictionLog.FromString(record).predict_log.request
    assert request.model_spec.signature_name == "serving_default"
    assert tf.make_ndarray(request.inputs["carrier"]).tolist() == [b"AA"]
    assert tf.make_ndarray(request.inputs["day"]).dtype == np.int64


def test_a_model_without_a_warm_up_file_is_asked_nothing(model, model_path):
    counting = Counting(model)
    assert warm_up(counting, model_path) == 0
    assert counting.asked == []


def test_classify_regress_and_several_tasks_are_replayed(classifier_path, tmp_path):
    folder = Path(shutil.copytree(classifier_path, tmp_path / "1"))
    classified, regressed, several = PredictionLog(), PredictionLog(), PredictionLog()
    example = tf.train.Example()
    example.features.feature["x"].float_list.value.append(0.25)
    requests = [classified.classify_log.request, regressed.regress_log.request, several.multi_inference_log.request]
    for request in requests:
        request.input.example_list.examples.append(example)
    regressed.regress_log.request.model_spec.signature_name = "value"
    for signature, method in (("serving_default", "classify"), ("value", "regress")):
        task = several.multi_inference_log.request.tasks.add(method_name=f"tensorflow/serving/{method}")
        task.model_spec.signature_name = signature
    written(folder, classified, regressed, several, PredictionLog())
    with LoadedModel(folder) as model:
        counting = Counting(model)
        assert warm_up(counting, folder) == 4
    assert counting.asked == [(name, 1) for name in ("serving_default", "value", "serving_default", "value")]


def test_at_most_a_thousand_requests_are_written(folder, model):
    names = {"carrier": np.array([b""], object)}
    write_warmup(folder, (names for _ in range(1005)), "names")
    counting = Counting(model)
    assert warm_up(counting, folder) == 1000


def test_more_than_a_thousand_requests_are_refused(folder, model):
    written(folder, *[PredictionLog()] * 1001)
    with pytest.raises(ModelError, match=r"exceeds the maximum \(1000\)"):
        warm_up(model, folder)


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (b"\xff\xff", "Failed to parse warmup record 1"),
        ({"distance": ROW["distance"]}, "warm-up request 1: input size does not match signature: 1!=3"),
        ({**ROW, "day": np.float32([1.5])}, "warm-up request 1: .*'day' takes int64"),
        ("session_run_log", "Unsupported log_type for warmup: session_run_log"),
    ],
)
def test_a_request_that_the_model_does_not_answer_stops_the_load(model, folder, record, sentence):
    if isinstance(record, dict):
        write_warmup(folder, [record])
    elif isinstance(record, bytes):
        written(folder, record)
    else:
        log = PredictionLog()
        getattr(log, record).SetInParent()
        written(folder, log)
    with pytest.raises(ModelError, match=sentence):
        warm_up(model, folder)


def test_a_file_that_is_no_tfrecord_stops_the_load(model, folder):
    (folder / WARMUP_FILE).parent.mkdir(exist_ok=True)
    (folder / WARMUP_FILE).write_bytes(b"not a record file, certainly")
    with pytest.raises(ModelError, match="Please verify your warmup data is in TFRecord format"):
        warm_up(model, folder)


def test_a_version_that_cannot_be_warmed_leaves_the_one_before_it(folder):
    def load(path: Path) -> LoadedModel:
        model = LoadedModel(path)
        warm_up(model, path)
        return model

    with ModelManager([ModelConfig("flights", folder.parent)], poll_seconds=0, load=load) as manager:
        second = Path(shutil.copytree(folder, folder.with_name("2")))
        write_warmup(second, [{"distance": ROW["distance"]}])
        manager.poll()
        with manager.servable("flights") as servable:
            assert servable.version == 1
        assert "warm-up request 1" in manager.status("flights", 2)[0].message


def test_writing_that_fails_leaves_the_file_as_it_was(folder):
    file = write_warmup(folder, [ROW])
    before = file.read_bytes()

    def failing():
        yield ROW
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_warmup(folder, failing())
    assert file.read_bytes() == before
    assert [item.name for item in file.parent.iterdir()] == [file.name]
