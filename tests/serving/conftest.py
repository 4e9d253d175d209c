"""A small SavedModel with the signatures of an exported model, made without any training."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from stellwerk.serving.loading import LoadedModel

Ask = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="session")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of version 3 whose answer shows each input: distance + 10 * (carrier == AA) + day, 0 for missing ones."""

    class Shown(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bonus = tf.Variable(10.0)

        def value(self, distance, carrier, day):
            distance = tf.where(tf.math.is_nan(distance), 0.0, distance)
            day = tf.cast(tf.where(day == tf.int64.min, tf.zeros_like(day), day), tf.float32)
            return distance + self.bonus * tf.cast(carrier == "AA", tf.float32) + day

        @tf.function(
            input_signature=[
                tf.TensorSpec([None], tf.float32, "distance"),
                tf.TensorSpec([None], tf.string, "carrier"),
                tf.TensorSpec([None], tf.int64, "day"),
            ]
        )
        def raw(self, distance, carrier, day):
            return {"predictions": self.value(distance, carrier, day)[:, None]}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
        def examples(self, examples):
            defaults = {
                "distance": tf.io.FixedLenFeature([], tf.float32, float("nan")),
                "carrier": tf.io.FixedLenFeature([], tf.string, ""),
                "day": tf.io.FixedLenFeature([], tf.int64, tf.int64.min),
            }
            return {"predictions": self.value(**tf.io.parse_example(examples, defaults))[:, None]}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "carrier")])
        def names(self, carrier):
            return {"name": carrier, "name_bytes": carrier}

    module, path = Shown(), tmp_path_factory.mktemp("pushed") / "flights" / "3"
    signatures = {"serving_default": module.raw, "serve_examples": module.examples, "names": module.names}
    tf.saved_model.save(module, str(path), signatures=signatures)
    return path


@pytest.fixture(scope="session")
def model(model_path: Path) -> Iterator[LoadedModel]:
    with LoadedModel(model_path) as loaded:
        yield loaded


@pytest.fixture(scope="session")
def ask() -> Ask:
    """Sends a request; a dict becomes JSON. Returns the status and the JSON of the answer."""

    def send(url: str, body: Any = None) -> tuple[int, Any]:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(urllib.request.Request(url, data), timeout=60) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    return send
