"""Warm-up: real requests that a model is asked while it loads, so that the first client does not wait for TensorFlow to start.

They lie in the SavedModel as `assets.extra/tf_serving_warmup_requests`, a TFRecord file of PredictionLog messages, which
TensorFlow Serving replays as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis.inference_pb2 import InferenceTask
from tensorflow_serving.apis.input_pb2 import Input
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from stellwerk.errors import ModelError, StellwerkError
from stellwerk.serving.inference import CLASSIFY, REGRESS, classify, regress
from stellwerk.serving.loading import SIGNATURE
from stellwerk.serving.protos import to_array, to_examples
from stellwerk.serving.servable import Model, Servable
from stellwerk.serving.tensors import Array

WARMUP_FILE = Path("assets.extra", "tf_serving_warmup_requests")
"""Where the requests lie in a SavedModel."""

MAX_RECORDS = 1000
"""TensorFlow Serving loads no model with more of them."""


def warm_up(model: Model, path: Path) -> int:
    """Asks the model what the warm-up file of the SavedModel in `path` holds; returns how many requests, 0 without the file.

    Raises ModelError for a file that cannot be read, one with too many requests, or a request that is not answered: as in
    TensorFlow Serving, such a version must not become available, and the one before it goes on.
    """
    file = path / WARMUP_FILE
    if not file.exists():
        return 0
    servable = Servable("", 0, path, model)
    number = 0
    try:
        for number, record in enumerate(tf.data.TFRecordDataset(str(file)).as_numpy_iterator(), 1):
            if number > MAX_RECORDS:
                raise ModelError(f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) at {file}")
            _replay(servable, PredictionLog.FromString(record))
    except tf.errors.OpError as error:
        raise ModelError(f"{file}: {error.message}. Please verify your warmup data is in TFRecord format.") from error
    except StellwerkError as error:
        where = f"{file}: warm-up request {number}"
        raise ModelError(f"{where}: {error} Write the file anew for this model, or delete it.") from error
    except DecodeError as error:
        raise ModelError(f"Failed to parse warmup record {number} from {file}: it is no PredictionLog.") from error
    return number


def write_warmup(path: Path, batches: Iterable[Mapping[str, Array]], signature: str = SIGNATURE) -> Path:
    """Writes the warm-up file of the SavedModel in folder `path`, one Predict request a batch; returns the file.

    `batches` are arrays by input name, best of real examples and of the sizes that clients send. See `write_requests`.
    """
    return write_requests(path, (asking(batch, signature) for batch in batches))


def write_requests(path: Path, requests: Iterable[PredictionLog]) -> Path:
    """Writes the warm-up file of the SavedModel in folder `path` from requests of any kind; returns the file.

    The first 1000 are taken. The same requests always make the same bytes. A file that is there is replaced, whole or not
    at all.
    """
    file = path / WARMUP_FILE
    file.parent.mkdir(exist_ok=True)
    part = file.with_name(f".{file.name}.part")
    try:
        with tf.io.TFRecordWriter(str(part)) as writer:
            for request in islice(requests, MAX_RECORDS):
                writer.write(request.SerializeToString(deterministic=True))
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return file


def asking(batch: Mapping[str, Array], signature: str) -> PredictionLog:
    """Returns the Predict request for arrays by input name."""
    log = PredictionLog()
    request = log.predict_log.request
    request.model_spec.signature_name = signature
    for name, array in batch.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(array))
    return log


def classifying(examples: Iterable[tf.train.Example], signature: str) -> PredictionLog:
    """Returns the Classify request for examples."""
    log = PredictionLog()
    _judging(log.classify_log.request, examples, signature)
    return log


def regressing(examples: Iterable[tf.train.Example], signature: str) -> PredictionLog:
    """Returns the Regress request for examples."""
    log = PredictionLog()
    _judging(log.regress_log.request, examples, signature)
    return log


def _judging(request: Any, examples: Iterable[tf.train.Example], signature: str) -> None:
    request.model_spec.signature_name = signature
    request.input.example_list.examples.extend(examples)


def _replay(servable: Servable, log: PredictionLog) -> None:
    kind = log.WhichOneof("log_type")
    if kind == "predict_log":
        request = log.predict_log.request
        inputs = {name: to_array(tensor) for name, tensor in request.inputs.items()}
        servable.predict(inputs, request.model_spec.signature_name)
    elif kind in ("classify_log", "regress_log"):
        request = getattr(log, kind).request
        _infer(servable, request.model_spec.signature_name, request.input, classifies=kind == "classify_log")
    elif kind == "multi_inference_log":
        request = log.multi_inference_log.request
        for task in request.tasks:
            _infer(servable, task.model_spec.signature_name, request.input, classifies=_classifies(task))
    elif kind is not None:
        raise ModelError(f"Unsupported log_type for warmup: {kind}.")


def _infer(servable: Servable, signature: str, examples: Input, *, classifies: bool) -> None:
    (classify if classifies else regress)(servable, signature, to_examples(examples))


def _classifies(task: InferenceTask) -> bool:
    if task.method_name not in (CLASSIFY, REGRESS):
        raise ModelError(f"Unsupported signature method_name: {task.method_name}")
    return bool(task.method_name == CLASSIFY)
