"""A SavedModel without a server: what one call of it takes in a loop, and what 64 threads get out of it with batching.

python benchmarks/bare.py MODEL OUT --seconds 3

Writes one JSON object, and into the folder OUT the request of one row as the servers take it: `rest.json` and `grpc.bin`.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis.predict_pb2 import PredictRequest

from stellwerk.serving.batching import BatchedModel
from stellwerk.serving.batching_options import BatchingOptions, read_batching_options
from stellwerk.serving.loading import LoadedModel

NAME = "model"
CLIENTS = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--batching", type=Path, help="a batching_parameters.txt")
    parser.add_argument("--seconds", type=float, default=3.0)
    given = parser.parse_args()
    options = read_batching_options(given.batching) if given.batching else BatchingOptions()
    bare = tf.saved_model.load(str(given.model)).signatures["serving_default"]
    loaded = LoadedModel(given.model, parallel=False)  # as the server loads it
    row = {
        name: np.full((1, *(t.shape or ())[1:]), b"AA" if t.dtype.kind == "O" else 1, t.dtype)
        for name, t in loaded.inputs.items()
    }
    write_requests(row, given.out)
    tensors = {name: tf.constant(array) for name, array in row.items()}
    found = {
        "bare": _loop(lambda: bare(**tensors), 1, given.seconds),
        "session": _loop(lambda: loaded.predict(row), 1, given.seconds),
        "threads": _loop(lambda: loaded.predict(row), CLIENTS, given.seconds),
    }
    batched = BatchedModel(loaded, options)
    found["batched"] = _loop(lambda: batched.predict(row), CLIENTS, given.seconds)
    batched.close()
    print(json.dumps(found))


def write_requests(row: dict[str, Any], out: Path) -> None:
    """Writes the request of one row, as the REST API takes it and as the gRPC API does."""
    plain = {name: array[0].decode() if array.dtype.kind == "O" else array[0].tolist() for name, array in row.items()}
    (out / "rest.json").write_text(json.dumps({"instances": [plain]}), encoding="utf-8")
    request = PredictRequest()
    request.model_spec.name = NAME
    for name, array in row.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(array))
    (out / "grpc.bin").write_bytes(request.SerializeToString())


def _loop(call: Callable[[], Any], clients: int, seconds: float) -> dict[str, float]:
    """Calls from so many threads, each as fast as it can; returns p50 and p99 (s), calls a second, CPU a call (s)."""
    latencies: list[float] = []
    for _ in range(20):
        call()
    began, cpu = time.perf_counter(), time.process_time()

    def client() -> None:
        mine = []
        while (start := time.perf_counter()) < began + seconds:
            call()
            mine.append(time.perf_counter() - start)
        latencies.extend(mine)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cpu, wall, count = time.process_time() - cpu, time.perf_counter() - began, len(latencies)
    latencies.sort()
    return {
        "p50": latencies[count // 2],
        "p99": latencies[count * 99 // 100],
        "per_second": count / wall,
        "cpu": cpu / count,
    }


if __name__ == "__main__":
    main()
