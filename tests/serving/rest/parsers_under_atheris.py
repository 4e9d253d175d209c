"""Feeds what atheris makes to the parsers of requests: `python parsers_under_atheris.py -runs=N -seed=N CORPUS`.

The first byte says which parser. A request is read or refused with a ServingError; anything else ends the process with a trace.
"""

from __future__ import annotations

import contextlib
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import atheris

with atheris.instrument_imports(include=["stellwerk.serving"]):
    from stellwerk.serving import protos, values
    from stellwerk.serving.errors import ServingError
    from stellwerk.serving.rest import examples, predict

import numpy as np
from google.protobuf.message import DecodeError
from tensorflow_serving.apis.classification_pb2 import ClassificationRequest
from tensorflow_serving.apis.predict_pb2 import PredictRequest

from stellwerk.serving.loading import Signature
from stellwerk.serving.tensors import Tensor

SIGNATURE = Signature(
    "serving_default",
    {
        "distance": Tensor("distance", "float32", np.dtype(np.float32), (None,)),
        "carrier": Tensor("carrier", "string", np.dtype(object), (None,)),
        "day": Tensor("day", "int64", np.dtype(np.int64), (None,)),
    },
    {},
    None,
)


def predicted(body: bytes) -> None:
    """Reads the body of REST's predict."""
    request = predict.parsed(body)
    predict.signature_name(request)
    for array in predict.inputs_of(request, SIGNATURE).values():
        assert array.ndim >= 0


def classified(body: bytes) -> None:
    """Reads the body of REST's classify and regress."""
    for serialised in examples.examples_of(predict.parsed(body)):
        assert isinstance(serialised, bytes)


def predict_request(data: bytes) -> None:
    """Reads the message of gRPC's Predict."""
    for tensor in PredictRequest.FromString(data).inputs.values():
        protos.to_array(tensor)


def classification_request(data: bytes) -> None:
    """Reads the message of gRPC's Classify."""
    protos.to_examples(ClassificationRequest.FromString(data).input)


PARSERS = (predicted, classified, predict_request, classification_request)


def one_input(data: bytes) -> None:
    """Gives a request to the parser that its first byte names."""
    with contextlib.suppress(ServingError, DecodeError):
        PARSERS[data[0] % len(PARSERS) if data else 0](data[1:])


if __name__ == "__main__":
    assert values
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
