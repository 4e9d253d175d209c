"""Whole pipelines over tables whose columns are of every kind: run by the command line, then asked in every way there is."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests
import tensorflow as tf
import yaml
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from stellwerk.serving.config import ModelConfig
from stellwerk.serving.server import ModelServer, ServerOptions

Row = Mapping[str, Any]
Stellwerk = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def write() -> Callable[..., Path]:
    """Writes a CSV file and a spec into a folder; returns the spec's path. `sections` are added to the usual ones."""

    def write(folder: Path, rows: Sequence[Row], **sections: Any) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "data.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        usual = {
            "name": "t",
            "data": {"sources": {"table": "data.csv"}},
            "model": {"type": "dense", "hidden": [4]},
            "train": {"epochs": 1},
            "push": {"to": "models"},
        }
        path = folder / "pipeline.yaml"
        path.write_text(yaml.safe_dump({**usual, **sections}, allow_unicode=True, sort_keys=False), encoding="utf-8")
        return path

    return write


class Served:
    """A server with the model of a pipeline, asked over REST and gRPC."""

    def __init__(self, server: ModelServer) -> None:
        self._server = server

    def rest(self, method: str, body: Any) -> tuple[int, Any]:
        """Sends JSON; returns the status and the JSON of the answer."""
        answer = requests.post(f"{self._server.url('t')}:{method}", json=body, timeout=60)
        return answer.status_code, answer.json()

    def instances(self, *rows: Row) -> list[Any]:
        """Returns the predictions for rows."""
        status, answer = self.rest("predict", {"instances": list(rows)})
        assert status == 200, answer
        return list(answer["predictions"])

    def grpc(self, tensors: Mapping[str, Any]) -> Any:
        """Sends tensors by name; returns the outputs by name."""
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "t"
        for name, value in tensors.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
        answer = self.stub(lambda stub: stub.Predict(request, timeout=60))
        return {name: tf.make_ndarray(value) for name, value in answer.outputs.items()}

    def stub(self, call: Callable[[Any], Any]) -> Any:
        """Calls the prediction service."""
        with grpc.insecure_channel(self._server.grpc_address) as channel:
            return call(prediction_service_pb2_grpc.PredictionServiceStub(channel))


@pytest.fixture(scope="session")
def serving() -> Iterator[Callable[[Path], Served]]:
    """Serves the model in a folder until the tests end."""
    running: list[ModelServer] = []

    def serve(model: Path) -> Served:
        running.append(ModelServer([ModelConfig("t", model)], ServerOptions(rest_port=0, grpc_port=0)))
        return Served(running[-1])

    yield serve
    for server in running:
        server.close()
