"""Predict and GetModelMetadata: what TensorFlow Serving's API documents promise, and each of its refusals."""

from __future__ import annotations

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2, prediction_service_pb2_grpc

INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
ROWS = {
    "distance": np.array([1.0, np.nan], np.float32),
    "carrier": np.array([b"AA", b"UA"], object),
    "day": np.array([2, 5], np.int64),
}


def asking(name="flights", signature="", inputs=None, **spec):
    request = predict_pb2.PredictRequest(model_spec={"name": name, "signature_name": signature, **spec})
    for key, value in (ROWS if inputs is None else inputs).items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    return request


def test_predict_answers_in_typed_fields_with_the_version_that_answered(prediction):
    answer = prediction.Predict(asking(), timeout=60)
    assert list(answer.outputs["predictions"].float_val) == [13.0, 5.0]
    assert tf.make_ndarray(answer.outputs["predictions"]).shape == (2, 1)
    assert answer.model_spec.name == "flights"
    assert answer.model_spec.version.value == 4
    assert answer.model_spec.signature_name == "serving_default"


def test_the_official_client_example_works_unchanged(server):
    channel = grpc.insecure_channel(f"localhost:{server.port}")
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "exported"
    request.model_spec.signature_name = "serving_default"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto([0.25, 0.75], shape=[2]))
    result_future = stub.Predict.future(request, 5.0)
    response = np.array(result_future.result().outputs["probabilities"].float_val)
    assert np.argmax(response) == 1
    channel.close()


@pytest.mark.parametrize(
    ("spec", "version"), [({"version": {"value": 3}}, 3), ({"version_label": "stable"}, 3), ({}, 4)], ids=str
)
def test_a_request_may_name_a_version_or_a_label(prediction, spec, version):
    assert prediction.Predict(asking(**spec), timeout=60).model_spec.version.value == version


def test_output_filter_chooses_outputs(prediction):
    request = asking(signature="names", inputs={"carrier": np.array([b"\xff", b""], object)})
    assert set(prediction.Predict(request, timeout=60).outputs) == {"name", "name_bytes"}
    request.output_filter.append("name")
    answer = prediction.Predict(request, timeout=60)
    assert {name: list(tensor.string_val) for name, tensor in answer.outputs.items()} == {"name": [b"\xff", b""]}


def test_values_may_come_in_fields_in_content_or_repeated(prediction):
    request = asking()
    request.inputs["distance"].CopyFrom(tf.make_tensor_proto(7.0, shape=[2]))
    assert list(prediction.Predict(request, timeout=60).outputs["predictions"].float_val) == [19.0, 12.0]


def test_an_empty_batch_has_an_empty_answer(prediction):
    empty = {"distance": np.empty(0, np.float32), "carrier": np.empty(0, object), "day": np.empty(0, np.int64)}
    request = asking(inputs={**empty, "carrier": tf.constant([], tf.string)})
    answer = prediction.Predict(request, timeout=60)
    assert tf.make_ndarray(answer.outputs["predictions"]).shape == (0, 1)


def test_many_rows_come_back_in_order(prediction):
    count = 5000
    rows = {
        "distance": np.arange(count, dtype=np.float32),
        "carrier": np.full(count, b"UA", object),
        "day": np.zeros(count, np.int64),
    }
    answer = prediction.Predict(asking(inputs=rows), timeout=60)
    assert tf.make_ndarray(answer.outputs["predictions"]).ravel().tolist() == list(range(count))


@pytest.mark.parametrize(
    ("request_", "code", "text"),
    [
        (predict_pb2.PredictRequest(), INVALID, "Missing ModelSpec"),
        (asking(name=""), INVALID, "ModelSpec has no name specified."),
        (asking(name="nobody"), NOT_FOUND, "Servable not found for request: Latest(nobody)"),
        (asking(name="../../etc/passwd"), NOT_FOUND, "Servable not found for request: Latest(../../etc/passwd)"),
        (asking(version={"value": 9}), NOT_FOUND, "Servable not found for request: Specific(flights, 9)"),
        (asking(version_label="x"), INVALID, "Unrecognized servable version label: x"),
        (
            asking(signature="x"),
            grpc.StatusCode.FAILED_PRECONDITION,
            'Serving signature key "x" not found.',
        ),
        (
            asking(inputs={"distance": np.zeros(1, np.float32)}),
            INVALID,
            "input size does not match signature: 1!=3 len({distance}) != len({carrier,day,distance}). "
            "Sent extra: {}. Missing but required: {carrier,day}.",
        ),
        (
            asking(inputs={"x": [1.0], "carrier": ["a"], "day": np.zeros(1, np.int64)}),
            INVALID,
            "input tensor alias not found in signature: x. Inputs expected to be in the set {carrier,day,distance}.",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_refusal_has_tensorflow_servings_code_and_text(prediction, refusal, request_, code, text):
    assert refusal(prediction.Predict, request_) == (code, text)


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"distance": ["far", "near"]}, "Expects arg[2] to be float but string is provided"),
        ({"day": np.array([1.5, 2.0], np.float32)}, "Expects arg[1] to be int64 but float is provided"),
        ({"distance": np.zeros((2, 2), np.float32)}, "shape"),
        ({"distance": np.zeros(3, np.float32)}, "different numbers of rows"),
        ({"distance": np.float32(1)}, "shape"),
    ],
    ids=str,
)
def test_wrong_types_and_shapes_are_refused(prediction, refusal, changed, text):
    code, details = refusal(prediction.Predict, asking(inputs={**ROWS, **changed}))
    assert code is INVALID
    assert text in details


def test_wrong_output_filters_are_refused(prediction, refusal):
    request = asking()
    request.output_filter.append("x")
    assert refusal(prediction.Predict, request) == (
        INVALID,
        "output tensor alias not found in signature: x Outputs expected to be in the set {predictions}.",
    )
    request.output_filter[:] = ["predictions", "predictions"]
    assert refusal(prediction.Predict, request) == (INVALID, "duplicate output tensor alias: predictions")


def test_a_shape_without_its_values_is_refused_before_memory_is_taken(prediction, refusal):
    request = asking()
    request.inputs["distance"].tensor_shape.dim[0].size = 1 << 50
    code, details = refusal(prediction.Predict, request)
    assert code is INVALID
    assert "Tensor proto cannot be read" in details


def test_long_texts_are_cut(prediction, refusal):
    _, details = refusal(prediction.Predict, asking(name="n" * 3000))
    assert len(details) == 1024 + len("...TRUNCATED")
    assert details.endswith("...TRUNCATED")


def test_metadata_has_the_signatures_as_tensorflow_stores_them(prediction):
    request = get_model_metadata_pb2.GetModelMetadataRequest(
        model_spec={"name": "flights", "version_label": "stable"}, metadata_field=["signature_def"]
    )
    answer = prediction.GetModelMetadata(request, timeout=60)
    assert (answer.model_spec.name, answer.model_spec.version.value) == ("flights", 3)
    found = get_model_metadata_pb2.SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(found)
    assert set(found.signature_def) == {"serving_default", "serve_examples", "names"}
    assert found.signature_def["serving_default"].inputs["carrier"].dtype == tf.string.as_datatype_enum
    assert found.signature_def["serving_default"].method_name == "tensorflow/serving/predict"


@pytest.mark.parametrize(
    ("fields", "code", "text"),
    [
        ({"metadata_field": ["signature_def"]}, INVALID, "Missing ModelSpec"),
        (
            {"model_spec": {"name": "flights"}},
            INVALID,
            "GetModelMetadataRequest must specify at least one metadata_field",
        ),
        (
            {"model_spec": {"name": "flights"}, "metadata_field": ["x"]},
            INVALID,
            "Metadata field x is not supported",
        ),
        (
            {"model_spec": {"name": "nobody"}, "metadata_field": ["signature_def"]},
            NOT_FOUND,
            "Servable not found for request: Latest(nobody)",
        ),
    ],
)
def test_metadata_refusals(prediction, refusal, fields, code, text):
    request = get_model_metadata_pb2.GetModelMetadataRequest(**fields)
    assert refusal(prediction.GetModelMetadata, request) == (code, text)
