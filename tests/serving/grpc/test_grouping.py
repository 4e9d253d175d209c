"""Requests that came together are read and answered together, and each as if it had come alone."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from stellwerk.serving.batching_options import BatchingOptions
from stellwerk.serving.config import ModelConfig
from stellwerk.serving.grpc.rows import BARE_REQUEST, RowForm, Unlike
from stellwerk.serving.prediction_log import LogOptions
from stellwerk.serving.server import ModelServer, ServerOptions

SPEC = predict_pb2.PredictRequest(
    model_spec={"name": "flights", "version": {"value": 3}}
).model_spec.SerializeToString()
INVALID = grpc.StatusCode.INVALID_ARGUMENT


def asking(distance, carrier, day, **spec) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest(model_spec={"name": "flights", **spec})
    for name, values in (("distance", np.float32(distance)), ("carrier", carrier), ("day", np.int64(day))):
        request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
    return request


def bare(request):
    return BARE_REQUEST.FromString(request if isinstance(request, bytes) else request.SerializeToString())


@pytest.fixture
def form(model) -> RowForm:
    return RowForm(model.signature("serving_default"), ["predictions"], SPEC)


@pytest.fixture(scope="module")
def server(model_path, core) -> Iterator[ModelServer]:
    """Waits for more requests a moment, so that those of a test are in one batch."""
    batching = BatchingOptions(batch_timeout_seconds=0.05)
    options = ServerOptions(rest_port=None, grpc_port=0, batching=batching, grpc_core=core)
    with ModelServer([ModelConfig("flights", model_path.parent)], options) as running:
        yield running


@pytest.fixture
def stub(server):
    with grpc.insecure_channel(server.grpc_address) as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


def test_rows_of_many_requests_become_columns(form):
    days = [0, 1, -1, 127, 128, 2**31, -(2**63), 2**63 - 1]
    carriers = [b"AA", b"", b"x" * 127, b"y" * 128, b"z" * 40_000, "é".encode(), b"\x00", b"AA"]
    requests = [asking([row / 4], [carriers[row]], [days[row]]) for row in range(8)]
    columns = form.columns([bare(request) for request in requests])
    assert columns["distance"].tolist() == [row / 4 for row in range(8)]
    assert columns["carrier"].tolist() == carriers
    assert columns["day"].tolist() == days


def test_numbers_may_be_sent_as_content(form):
    request = asking([1.5], ["AA"], [3])
    for name, values in (("distance", np.float32([1.5])), ("day", np.int64([3]))):
        request.inputs[name].ClearField("float_val")
        request.inputs[name].ClearField("int64_val")
        request.inputs[name].tensor_content = values.tobytes()
    columns = form.columns([bare(request)] * 2)
    assert (columns["distance"].tolist(), columns["day"].tolist()) == ([1.5, 1.5], [3, 3])


def shifted() -> list[predict_pb2.PredictRequest]:
    """Two requests that have two values together, but not one each."""
    two, none = asking([1.0], ["AA"], [1]), asking([1.0], ["AA"], [1])
    two.inputs["distance"].float_val.append(2.0)
    none.inputs["distance"].ClearField("float_val")
    return [two, none]


def two_days() -> list[predict_pb2.PredictRequest]:
    request = asking([1.0], ["AA"], [1])
    request.inputs["day"].int64_val.append(2)
    return [request]


UNLIKE = {
    "values that would move to another request": shifted,
    "two whole numbers": two_days,
    "two rows": lambda: [asking([1.0, 2.0], ["AA", "B"], [1, 2])],
    "two texts": lambda: [asking([1.0], ["AA"], [1]), asking([1.0], ["AA", "B"], [1])],
    "no shape": lambda: [asking(1.0, "AA", 1)],
    "another type": lambda: [asking([1.0], [7], [1])],
    "an input too few": lambda: [predict_pb2.PredictRequest(inputs={"day": tf.make_tensor_proto(np.int64([1]))})],
    "an input twice": lambda: [asking([1.0], ["AA"], [1]).SerializeToString() * 2],
    "an entry cut": lambda: [asking([1.0], ["AA"], [1]).SerializeToString() + b"\x12\x01\x0a"],
}


@pytest.mark.parametrize("requests", UNLIKE.values(), ids=UNLIKE)
def test_a_request_of_another_form_is_never_read_as_a_row(form, requests):
    sound = asking([5.0], ["B"], [5])
    with pytest.raises(Unlike):
        form.columns([bare(request) for request in (sound, *requests(), sound)])


def test_answers_are_the_messages_that_one_request_alone_gets(form, model):
    columns = {"distance": np.float32([1, 2]), "carrier": np.array([b"AA", b""], object), "day": np.int64([3, 4])}
    answers = form.answers(model.predict(columns), 2)
    for answer, value in zip(answers, (14.0, 6.0), strict=True):
        response = predict_pb2.PredictResponse.FromString(answer)
        assert response.outputs["predictions"] == tf.make_tensor_proto(np.float32([[value]]))
        assert response.model_spec.SerializeToString() == SPEC


def test_outputs_that_are_texts_are_answered_row_by_row(model):
    texts = np.array([b"a", b"bc"], object)
    answers = RowForm(model.signature("names"), ["name"], SPEC).answers({"name": texts, "name_bytes": texts}, 2)
    responses = [predict_pb2.PredictResponse.FromString(answer) for answer in answers]
    assert [list(response.outputs["name"].string_val) for response in responses] == [[b"a"], [b"bc"]]


def test_callers_who_come_together_get_their_own_answers_and_errors(server, stub):
    """Requests of one row, of several, wrong ones and ones for other signatures, all at the same time."""
    asked = []
    for number in range(120):
        day, kind = number % 7 - 3, number % 6
        if kind < 3:
            asked.append((asking([number], ["AA"], [day]), [number + 10 + day]))
        elif kind == 3:
            asked.append((asking([number, 0], ["AA", "x"], [day, 5]), [number + 10 + day, 5]))
        elif kind == 4:
            asked.append((asking([[number]], ["AA"], [day]), INVALID))
        else:
            asked.append((asking([number], ["AA"], [day], version_label="none"), INVALID))
    calls = [(stub.Predict.future(request, timeout=60), expected) for request, expected in asked]
    for call, expected in calls:
        if expected is INVALID:
            assert call.exception().code() is INVALID
        else:
            assert list(call.result().outputs["predictions"].float_val) == expected


def test_each_of_those_who_come_together_is_counted_and_logged(model_path, tmp_path, core):
    log = LogOptions(tmp_path, flush_s=0.05)
    batching = BatchingOptions(batch_timeout_seconds=0.05)
    options = ServerOptions(rest_port=None, grpc_port=0, batching=batching, log=log, grpc_core=core)
    with (
        ModelServer([ModelConfig("flights", model_path.parent)], options) as server,
        grpc.insecure_channel(server.grpc_address) as channel,
    ):
        predict = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict
        calls = [predict.future(asking([number], ["AA"], [1]), timeout=60) for number in range(20)]
        assert [call.result().model_spec.version.value for call in calls] == [3] * 20
    page = server.metrics.page().decode()  # once it has stopped: they are counted after they are answered
    assert 'stellwerk_serving_request_rows_count{model="flights"} 20.0' in page
    assert 'method="Predict",model="flights",status="OK",version="3"} 20.0' in page
    rows = pa.concat_tables([pq.read_table(path) for path in tmp_path.rglob("*.parquet")]).to_pydict()
    assert sorted(rows["distance"]) == list(range(20))
    assert len(set(rows["_request"])) == 20
    assert sorted(value for values in rows["_output_predictions"] for value in np.ravel(values)) == [
        number + 11 for number in range(20)
    ]
