"""Damaged requests: each gets an answer that blames the request, and the server goes on."""

from __future__ import annotations

import random

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    predict_pb2,
)

BLAMED = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNIMPLEMENTED,
}
ROUNDS = 150


def predicting() -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest(model_spec={"name": "flights", "version": {"value": 3}})
    request.inputs["distance"].CopyFrom(tf.make_tensor_proto(np.array([1.0, 2.0], np.float32)))
    request.inputs["carrier"].CopyFrom(tf.make_tensor_proto(["AA", "UA"]))
    request.inputs["day"].int64_val.extend([1, 2])
    request.inputs["day"].dtype = tf.int64.as_datatype_enum
    request.inputs["day"].tensor_shape.dim.add(size=2)
    request.output_filter.append("predictions")
    return request


@pytest.fixture
def requests(examples):
    """A whole request of every method, by the method's name."""
    judge = {"name": "judge", "signature_name": "classify"}
    multi = inference_pb2.MultiInferenceRequest(input=examples(0.5))
    multi.tasks.add(model_spec=judge, method_name="tensorflow/serving/classify")
    reload = model_management_pb2.ReloadConfigRequest()
    reload.config.model_config_list.config.add(name="a", base_path="relative/a", model_platform="tensorflow")
    return {
        "PredictionService/Predict": predicting(),
        "PredictionService/Classify": classification_pb2.ClassificationRequest(model_spec=judge, input=examples(0.5)),
        "PredictionService/MultiInference": multi,
        "PredictionService/GetModelMetadata": get_model_metadata_pb2.GetModelMetadataRequest(
            model_spec=judge, metadata_field=["signature_def"]
        ),
        "ModelService/GetModelStatus": get_model_status_pb2.GetModelStatusRequest(model_spec=judge),
        "ModelService/HandleReloadConfigRequest": reload,
    }


def damaged(data: bytes, dice: random.Random) -> bytes:
    """Changes, drops, doubles or inserts a few bytes."""
    changed = bytearray(data)
    for _ in range(dice.randint(1, 3)):
        place = dice.randrange(len(changed) or 1)
        kind = dice.randrange(4)
        if kind == 0 and changed:
            changed[place] = dice.randrange(256)
        elif kind == 1:
            del changed[place : place + dice.randint(1, 4)]
        elif kind == 2:
            changed[place:place] = changed[place : place + dice.randint(1, 16)]
        else:
            changed[place:place] = dice.randbytes(dice.randint(1, 8))
    return bytes(changed)


def test_damaged_requests_are_answered_with_what_is_wrong(channel, prediction, requests):
    dice, amiss = random.Random(2026), []
    for method, request in requests.items():
        call, whole = channel.unary_unary(f"/tensorflow.serving.{method}"), request.SerializeToString()
        for _ in range(ROUNDS):
            data = damaged(whole, dice)
            try:
                call(data, timeout=60)
            except grpc.RpcError as error:
                if error.code() not in BLAMED:
                    amiss.append((method, data, error.code(), error.details()))
    assert not amiss
    assert list(prediction.Predict(predicting(), timeout=60).outputs["predictions"].float_val) == [12.0, 4.0]
