"""The requests that a pushed model is warmed up with: real rows of the train split, in every way that it is asked.

TensorFlow optimises the graph of a signature at its first request, and the first clients would wait for it. Both servers replay
`assets.extra/tf_serving_warmup_requests` while the model loads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from stellwerk.components.artifacts.sample import read_sample
from stellwerk.serving.loading import SIGNATURE
from stellwerk.serving.tensors import Array, Tensor, inputs_from_batch
from stellwerk.serving.warmup import asking, classifying, regressing, write_requests
from stellwerk.tasks.heads import CLASSIFY, REGRESS

Features = Mapping[str, Array]


def write_warmup(model: Path, transform_graph: Path, specs: Mapping[str, tf.TensorSpec], judging: str) -> None:
    """Writes the requests into the SavedModel in folder `model`; none where there was no row.

    `specs` are the raw columns, each [None] or, of lists, [None, length]; `judging` is the signature that classifies or regresses. The bytes are always
    the same for the same rows.
    """
    rows = read_sample(transform_graph)
    if rows is None:
        return
    columns = inputs_from_batch(rows, {name: _tensor(name, spec) for name, spec in specs.items()})
    write_requests(model, _requests(columns, judging))


def _requests(columns: Features, judging: str) -> Iterator[Any]:
    single = {name: values[:1] for name, values in columns.items()}
    example = _example(single)
    yield asking(single, SIGNATURE)
    yield asking(columns, SIGNATURE)
    yield asking({"examples": np.array([example.SerializeToString(deterministic=True)], object)}, "serve_examples")
    yield {CLASSIFY: classifying, REGRESS: regressing}[judging]([example], judging)


def _example(row: Features) -> tf.train.Example:
    example = tf.train.Example()
    for name, (value,) in row.items():
        feature = example.features.feature[name]
        if isinstance(value, np.ndarray):
            feature.float_list.value.extend(value.tolist())
        elif isinstance(value, bytes):
            feature.bytes_list.value.append(value)
        elif isinstance(value, np.integer):
            feature.int64_list.value.append(int(value))
        else:
            feature.float_list.value.append(float(value))
    return example


def _tensor(name: str, spec: tf.TensorSpec) -> Tensor:
    return Tensor(name, spec.dtype.name, np.dtype(spec.dtype.as_numpy_dtype), tuple(spec.shape))
