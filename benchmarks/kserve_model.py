"""The same SavedModel in KServe's Python server, as its guide for custom models writes one. Runs in `build/kserve`.

python benchmarks/kserve_model.py MODEL REST_PORT GRPC_PORT REST_JSON GRPC_BIN

Takes the row of REST_JSON and writes it to GRPC_BIN as a request of KServe's gRPC API, then serves until it is ended.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from kserve import InferInput, InferOutput, InferRequest, InferResponse, Model, ModelServer

NAME = "model"


class Saved(Model):
    """Answers rows of JSON (v1) and tensors (v2) with the model's default signature."""

    def __init__(self, path: str) -> None:
        super().__init__(NAME)
        self.loaded = tf.saved_model.load(path)
        self.signature = self.loaded.signatures["serving_default"]
        self.specs = self.signature.structured_input_signature[1]
        self.ready = True

    def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:  # noqa: ARG002
        """Answers one request, of either protocol."""
        if isinstance(payload, InferRequest):
            columns = {one.name: one.as_numpy() for one in payload.inputs}
            outputs = self.call(columns)
            answers = []
            for name, array in outputs.items():
                answer = InferOutput(name, list(array.shape), "FP32")
                answer.set_data_from_numpy(array, binary_data=False)
                answers.append(answer)
            return InferResponse(payload.id, NAME, answers)
        rows = payload["instances"]
        outputs = self.call({name: [row[name] for row in rows] for name in self.specs})
        return {"predictions": next(iter(outputs.values())).tolist()}

    def call(self, columns: dict[str, Any]) -> dict[str, Any]:
        """Asks the signature; columns and answers by name."""
        tensors = {name: tf.constant(columns[name], spec.dtype) for name, spec in self.specs.items()}
        return {name: tensor.numpy() for name, tensor in self.signature(**tensors).items()}


def request(row: dict[str, Any], model: Saved) -> bytes:
    """Returns the row as a serialised ModelInferRequest."""
    kinds = {tf.float32: ("FP32", np.float32), tf.int64: ("INT64", np.int64), tf.string: ("BYTES", np.object_)}
    inputs = []
    for name, spec in model.specs.items():
        kind, dtype = kinds[spec.dtype]
        values = np.array([row[name].encode() if isinstance(row[name], str) else row[name]], dtype)
        one = InferInput(name, list(values.shape), kind)
        one.set_data_from_numpy(values, binary_data=True)
        inputs.append(one)
    serialized: bytes = InferRequest(NAME, inputs).to_grpc().SerializeToString()
    return serialized


if __name__ == "__main__":
    path, rest_port, grpc_port, rest_json, grpc_bin = sys.argv[1:]
    model = Saved(path)
    row = json.loads(Path(rest_json).read_text(encoding="utf-8"))["instances"][0]
    Path(grpc_bin).write_bytes(request(row, model))
    ModelServer(http_port=int(rest_port), grpc_port=int(grpc_port), enable_grpc=True, access_log_format=None).start(
        [model]
    )
