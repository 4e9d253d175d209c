"""A gRPC server with three models, and a channel to it."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import input_pb2, model_service_pb2_grpc, prediction_service_pb2_grpc

from stellwerk.serving.config import ALL, ModelConfig
from stellwerk.serving.grpc import GrpcServer, grpc_server
from stellwerk.serving.models import ModelManager

PARSED = {"x": tf.io.FixedLenFeature([], tf.float32)}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory, model_path: Path) -> Path:
    """Base paths: `flights` (versions 3 and 4), `judge` (classify and regress signatures), `exported` (as Stellwerk does)."""
    folder = tmp_path_factory.mktemp("served")
    for version in ("3", "4"):
        shutil.copytree(model_path, folder / "flights" / version)
    _save_judge(folder / "judge" / "1")
    _save_exported(folder / "exported" / "1")
    return folder


def _save_judge(path: Path) -> None:
    class Judge(tf.Module):
        def read(self, inputs):
            return tf.io.parse_example(inputs, PARSED)["x"]

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
        def classify(self, inputs):
            x = self.read(inputs)[:, None]
            names = tf.tile(tf.constant([["no", "yes"]]), [tf.shape(x)[0], 1])
            return {"classes": names, "scores": tf.concat([1 - x, x], 1)}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
        def names(self, inputs):
            return {"classes": self.classify(inputs)["classes"]}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
        def scores(self, inputs):
            return {"scores": self.classify(inputs)["scores"]}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
        def regress(self, inputs):
            return {"outputs": self.read(inputs) * 2}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
        def wide(self, inputs):
            return {"outputs": tf.tile(self.read(inputs)[:, None], [1, 3])}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
        def flat(self, inputs):
            return {"scores": self.read(inputs)}

    judge = Judge()
    signatures = {name: getattr(judge, name) for name in ("classify", "regress", "names", "scores", "wide", "flat")}
    tf.saved_model.save(judge, str(path), signatures={"serving_default": judge.classify, **signatures})


def _save_exported(path: Path) -> None:
    class Exported(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
        def raw(self, x):
            return {"probabilities": x[:, None]}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
        def examples(self, examples):
            return self.raw(tf.io.parse_example(examples, PARSED)["x"])

    exported = Exported()
    tf.saved_model.save(
        exported, str(path), signatures={"serving_default": exported.raw, "serve_examples": exported.examples}
    )
    (path / "assets.extra").mkdir()
    (path / "assets.extra" / "stellwerk.json").write_text(json.dumps({"classes": ["punctual", "late"]}))


@pytest.fixture(scope="session")
def configs(folder: Path) -> list[ModelConfig]:
    return [
        ModelConfig("flights", folder / "flights", ALL, {"stable": 3}),
        ModelConfig("judge", folder / "judge"),
        ModelConfig("exported", folder / "exported"),
    ]


@pytest.fixture(scope="session")
def models(configs: list[ModelConfig]) -> Iterator[ModelManager]:
    with ModelManager(configs, poll_seconds=0) as manager:
        yield manager


@pytest.fixture(scope="session", params=[False, True], ids=["public", "core"])
def core(request: pytest.FixtureRequest) -> bool:
    """Whether calls are received by names of grpcio that are not public: both answer alike."""
    return request.param


@pytest.fixture(scope="session")
def serve(core: bool) -> Callable[..., GrpcServer]:
    return functools.partial(grpc_server, port=0, core=core)


@pytest.fixture(scope="session")
def server(models: ModelManager, serve: Callable[..., GrpcServer]) -> Iterator[GrpcServer]:
    with serve(models, max_message_bytes=200_000) as running:
        yield running


@pytest.fixture(scope="session")
def channel(server: GrpcServer) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as opened:
        yield opened


@pytest.fixture(scope="session")
def prediction(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(scope="session")
def management(channel):
    return model_service_pb2_grpc.ModelServiceStub(channel)


@pytest.fixture(scope="session")
def refusal():
    """Calls, and returns the code and the text of the refusal."""

    def refusal(call, request) -> tuple[grpc.StatusCode, str]:
        with pytest.raises(grpc.RpcError) as caught:
            call(request, timeout=60)
        return caught.value.code(), caught.value.details()

    return refusal


@pytest.fixture(scope="session")
def examples():
    """Makes the `Input` of a request with one tf.Example for each value of x."""

    def examples(*values: float):
        given = []
        for value in values:
            example = tf.train.Example()
            example.features.feature["x"].float_list.value.append(value)
            given.append(example)
        return input_pb2.Input(example_list={"examples": given})

    return examples
