"""GetModelStatus, HandleReloadConfigRequest, health and reflection."""

from __future__ import annotations

import shutil
import threading

import grpc
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.config import model_server_config_pb2

from stellwerk.serving.config import ModelConfig
from stellwerk.serving.grpc import grpc_server
from stellwerk.serving.models import ModelManager

INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
def own(folder, tmp_path):
    """A server of one's own, to be changed: model `exported`, version 1. Returns the folder of its models and a channel."""
    shutil.copytree(folder / "exported", tmp_path / "exported")
    with (
        ModelManager([ModelConfig("exported", tmp_path / "exported")], poll_seconds=0.02) as models,
        grpc_server(models, port=0) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        yield tmp_path, channel


def status(**spec):
    return get_model_status_pb2.GetModelStatusRequest(model_spec=spec)


def reloading(text: str):
    config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    return model_management_pb2.ReloadConfigRequest(config=config)


def test_status_lists_versions_the_newest_first(management):
    found = management.GetModelStatus(status(name="flights"), timeout=60).model_version_status
    assert [(one.version, one.state, one.status.error_code, one.status.error_message) for one in found] == [
        (4, 30, 0, ""),
        (3, 30, 0, ""),
    ]


@pytest.mark.parametrize("spec", [{"version": {"value": 3}}, {"version_label": "stable"}], ids=str)
def test_status_of_one_version(management, spec):
    found = management.GetModelStatus(status(name="flights", **spec), timeout=60).model_version_status
    assert [one.version for one in found] == [3]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (get_model_status_pb2.GetModelStatusRequest(), (INVALID, "Missing ModelSpec")),
        (status(name="nobody"), (NOT_FOUND, "Could not find any versions of model nobody")),
        (
            status(name="flights", version={"value": 9}),
            (NOT_FOUND, "Could not find version 9 of model flights"),
        ),
        (status(name="flights", version_label="x"), (INVALID, "Unrecognized servable version label: x")),
    ],
)
def test_status_refusals(management, refusal, request_, expected):
    assert refusal(management.GetModelStatus, request_) == expected


def test_status_says_why_a_version_did_not_load(own):
    folder, channel = own
    (folder / "exported" / "2").mkdir()
    (folder / "exported" / "2" / "saved_model.pb").write_bytes(b"broken")
    stub = model_service_pb2_grpc.ModelServiceStub(channel)
    found = {}
    for _ in range(500):
        found = {one.version: one for one in stub.GetModelStatus(status(name="exported")).model_version_status}
        if 2 in found and found[2].state == get_model_status_pb2.ModelVersionStatus.END:
            break
        threading.Event().wait(0.01)
    assert found[1].state == get_model_status_pb2.ModelVersionStatus.AVAILABLE
    assert found[2].status.error_code == 13
    assert "could not load this SavedModel" in found[2].status.error_message


def test_a_reload_serves_other_models_and_labels_without_a_failed_request(own, refusal):
    folder, channel = own
    shutil.copytree(folder / "exported" / "1", folder / "exported" / "2")
    shutil.copytree(folder / "exported", folder / "other")
    predict = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict
    manage = model_service_pb2_grpc.ModelServiceStub(channel)
    request = predict_pb2.PredictRequest(model_spec={"name": "exported"})
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.zeros(1, np.float32)))
    stop, failures = threading.Event(), []

    def client():
        while not stop.is_set():
            try:
                predict(request, timeout=60)
            except grpc.RpcError as error:
                failures.append(error)

    threads = [threading.Thread(target=client) for _ in range(3)]
    for thread in threads:
        thread.start()
    both = f"""model_config_list {{
        config {{ name: "exported" base_path: "{folder}/exported" model_platform: "tensorflow"
                  model_version_policy {{ specific {{ versions: 1 versions: 2 }} }}
                  version_labels {{ key: "canary" value: 2 }} }}
        config {{ name: "other" base_path: "{folder}/other" model_platform: "tensorflow" }} }}"""
    answer = manage.HandleReloadConfigRequest(reloading(both), timeout=60)
    stop.set()
    for thread in threads:
        thread.join()
    assert answer.status.error_code == 0
    assert not failures
    request.model_spec.version_label = "canary"
    assert predict(request, timeout=60).model_spec.version.value == 2
    one = f'model_config_list {{ config {{ name: "other" base_path: "{folder}/other" model_platform: "tensorflow" }} }}'
    manage.HandleReloadConfigRequest(reloading(one), timeout=60)
    request.model_spec.ClearField("version_choice")
    assert refusal(predict, request) == (NOT_FOUND, "Servable not found for request: Latest(exported)")


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("", INVALID, "ServerModelConfig type not supported by HandleReloadConfigRequest."),
        ("custom_model_config {}", INVALID, "Only ModelConfigList is currently supported"),
        (
            'model_config_list { config { name: "a" base_path: "a" model_platform: "tensorflow" } }',
            INVALID,
            "Expected model a to have an absolute path or URI; got base_path()=a",
        ),
        (
            'model_config_list { config { name: "a" base_path: "/etc" model_platform: "tensorflow" } }',
            grpc.StatusCode.PERMISSION_DENIED,
            "outside the folders that this server may serve from",
        ),
        (
            'model_config_list { config { name: "flights" base_path: "FOLDER/flights" model_platform: "tensorflow"'
            ' version_labels { key: "canary" value: 9 } } }',
            grpc.StatusCode.FAILED_PRECONDITION,
            "Request to assign label to version 9 of model flights, which is not currently available for inference",
        ),
    ],
)
def test_a_refused_reload_changes_nothing(management, refusal, folder, text, code, words):
    found, details = refusal(management.HandleReloadConfigRequest, reloading(text.replace("FOLDER", str(folder))))
    assert found is code
    assert words in details
    assert len(management.GetModelStatus(status(name="flights"), timeout=60).model_version_status) == 2
    assert management.GetModelStatus(status(name="judge"), timeout=60).model_version_status[0].state == 30


def test_health_answers_for_the_server_its_services_and_its_models(channel, refusal):
    health = health_pb2_grpc.HealthStub(channel)
    for service in ("", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService", "flights"):
        assert health.Check(health_pb2.HealthCheckRequest(service=service), timeout=60).status == SERVING
    assert refusal(health.Check, health_pb2.HealthCheckRequest(service="x"))[0] is NOT_FOUND


def test_a_watcher_of_health_hears_of_changes(own):
    folder, channel = own
    health = health_pb2_grpc.HealthStub(channel)
    heard = health.Watch(health_pb2.HealthCheckRequest(service="exported"), timeout=60)
    assert next(heard).status == SERVING
    shutil.rmtree(folder / "exported" / "1")
    assert next(heard).status == NOT_SERVING
    heard.cancel()


def test_reflection_describes_the_services(channel):
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    asked = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="tensorflow.serving.PredictionService"),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="tensorflow.serving.ModelService"),
    ]
    services, prediction, model = stub.ServerReflectionInfo(iter(asked), timeout=60)
    assert {service.name for service in services.list_services_response.service} == {
        "tensorflow.serving.PredictionService",
        "tensorflow.serving.ModelService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }
    assert b"MultiInference" in prediction.file_descriptor_response.file_descriptor_proto[0]
    assert b"ReloadConfigRequest" in model.file_descriptor_response.file_descriptor_proto[0]
