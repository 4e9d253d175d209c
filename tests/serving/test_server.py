"""The server as a whole: several versions, reloads, metrics, the prediction log, limits, and its end."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import threading
import time
import urllib.request

import grpc
import numpy as np
import pyarrow.parquet as pq
import pytest
import requests
import tensorflow as tf
from prometheus_client.parser import text_string_to_metric_families
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from stellwerk.errors import StellwerkError, UsageError
from stellwerk.serving.config import ModelConfig, VersionPolicy
from stellwerk.serving.prediction_log import LogOptions
from stellwerk.serving.server import ModelServer, ServerOptions

ROW = {"distance": 1.0, "carrier": "AA", "day": 2}
FREE = ServerOptions(rest_port=0, grpc_port=0)


def samples(page, name):
    """The values of one metric by its labels, as Prometheus' own parser reads them."""
    found = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
    return {tuple(sorted(sample.labels.items())): sample.value for sample in found if sample.name == name}


def wait_for(condition):
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    return tmp_path_factory.mktemp("log")


@pytest.fixture(scope="module")
def server(model_path, logged):
    log = LogOptions(logged, drop=frozenset({"carrier"}), flush_s=0.05)
    with ModelServer(
        [ModelConfig("flights", model_path.parent)], ServerOptions(rest_port=0, grpc_port=0, log=log)
    ) as running:
        yield running


def ask_grpc(server, **inputs):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "flights"
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    with grpc.insecure_channel(server.grpc_address) as channel:
        return prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=60)


def test_both_apis_are_counted_by_model_version_method_and_status(ask, server):
    assert ask(f"{server.url('flights')}:predict", {"instances": [ROW, ROW, ROW]})[0] == 200
    assert ask(f"{server.url('flights')}:predict", {"instances": []})[0] == 400
    assert ask(f"{server.address}/v1/models/made-up-{os.getpid()}:predict", {"instances": [1]})[0] == 404
    ask_grpc(server, distance=[1.0], carrier=["AA"], day=np.int64([2]))
    with pytest.raises(grpc.RpcError):
        ask_grpc(server, distance=[1.0])
    answer = requests.get(f"{server.address}/monitoring/prometheus/metrics", timeout=60)
    assert answer.headers["Content-Type"].startswith("text/plain")
    page = requests.get(f"{server.address}/metrics", timeout=60).text
    assert "made-up" not in page
    counts = {
        (labels["entrypoint"], labels["method"], labels["model"], labels["version"], labels["status"]): value
        for labels, value in (
            (dict(key), value) for key, value in samples(page, "stellwerk_serving_requests_total").items()
        )
    }
    assert counts["REST", "predict", "flights", "3", "OK"] == 1
    assert counts["REST", "predict", "flights", "3", "INVALID_ARGUMENT"] == 1
    assert counts["REST", "predict", "", "", "NOT_FOUND"] == 1
    assert counts["gRPC", "Predict", "flights", "3", "OK"] == 1
    assert counts["gRPC", "Predict", "flights", "", "INVALID_ARGUMENT"] == 1
    assert samples(page, "stellwerk_serving_model_available") == {(("model", "flights"), ("version", "3")): 1}
    assert samples(page, "stellwerk_serving_request_rows_sum") == {(("model", "flights"),): 4}
    assert samples(page, "stellwerk_serving_batch_rows_sum") == {(): 4}
    assert samples(page, "stellwerk_serving_request_seconds_count")


def test_answers_of_both_apis_are_logged_without_personal_columns(ask, server, logged):
    assert ask(f"{server.url('flights')}:predict", {"instances": [{**ROW, "distance": 77.0}]})[0] == 200
    ask_grpc(server, distance=[88.0], carrier=["AA"], day=np.int64([2]))

    def distances():
        rows = [row for file in logged.rglob("*.parquet") for row in pq.read_table(file).to_pylist()]
        assert all("carrier" not in row for row in rows)
        return {row["distance"]: row["_output_predictions"] for row in rows}

    wait_for(lambda: {77.0, 88.0} <= distances().keys())
    assert distances()[77.0] == 89.0
    page = requests.get(f"{server.address}/metrics", timeout=60).text
    assert samples(page, "stellwerk_serving_prediction_log_requests_total")[("result", "written"),] >= 2


def test_healthz_and_reflection_free_paths_answer(server):
    assert requests.get(f"{server.address}/healthz", timeout=60).text == "ok\n"


def test_a_canary_is_asked_by_its_label_and_a_new_version_comes_without_a_failed_request(model_path, tmp_path):
    base = tmp_path / "flights"
    shutil.copytree(model_path, base / "3")
    config = ModelConfig("flights", base, VersionPolicy(2), {"stable": 3})
    failed, versions, stop = [], set(), threading.Event()
    with ModelServer([config], ServerOptions(rest_port=0, grpc_port=None, poll_seconds=0.05)) as server:

        def keep_asking():
            connection = http.client.HTTPConnection(*server.rest.address, timeout=60)
            while not stop.is_set():
                connection.request("POST", "/v1/models/flights:predict", json.dumps({"instances": [ROW]}))
                answer = connection.getresponse()
                body = answer.read()
                if answer.status != 200:
                    failed.append(body)
            connection.close()

        threads = [threading.Thread(target=keep_asking) for _ in range(2)]
        for thread in threads:
            thread.start()
        for number in ("4", "5"):
            shutil.copytree(model_path, base / f".{number}.part")
            (base / f".{number}.part").rename(base / number)
            wait_for(lambda wanted=number: requests.get(f"{server.url('flights')}/versions/{wanted}", timeout=60).ok)
            wait_for(
                lambda wanted=number: (
                    requests.get(f"{server.url('flights')}/metadata", timeout=60).json()["model_spec"]["version"]
                    == wanted
                )
            )
            versions.add(number)
            if number == "4":
                canary = ModelConfig("flights", base, VersionPolicy(2), {"stable": 3, "canary": 4})
                server.models.reload([canary])
                url = f"{server.url('flights')}/labels/canary"
                assert requests.post(f"{url}:predict", json={"instances": [ROW]}, timeout=60).status_code == 200
                assert requests.get(f"{url}/metadata", timeout=60).json()["model_spec"]["version"] == "4"
        stop.set()
        for thread in threads:
            thread.join()
    assert failed == []
    assert versions == {"4", "5"}


def test_more_requests_than_allowed_get_429(ask, model_path):
    options = ServerOptions(rest_port=0, grpc_port=0, requests_per_second=2, batching=None)
    with ModelServer([ModelConfig("flights", model_path.parent)], options) as server:
        statuses = [ask(f"{server.url('flights')}:predict", {"instances": [ROW]})[0] for _ in range(6)]
        assert statuses[0] == 200
        assert 429 in statuses
        assert ask(server.url("flights"))[0] == 200
        with pytest.raises(grpc.RpcError) as refused:
            [ask_grpc(server, distance=[1.0], carrier=["AA"], day=np.int64([2])) for _ in range(4)]
        assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_server_that_cannot_start_says_why_and_leaves_nothing_open(model_path, tmp_path, server):
    threads = threading.active_count()
    with pytest.raises(StellwerkError, match="did not become available"):
        ModelServer([ModelConfig("nothing", tmp_path)], FREE)
    taken = ServerOptions(rest_port=server.rest.address[1], grpc_port=0)
    with pytest.raises(UsageError, match="cannot listen on"):
        ModelServer([ModelConfig("flights", model_path.parent)], taken)
    with pytest.raises(UsageError, match="--insecure"):
        ModelServer(
            [ModelConfig("flights", model_path.parent)], ServerOptions(host="0.0.0.0", rest_port=0, grpc_port=0)
        )
    wait_for(lambda: threading.active_count() <= threads)


def test_the_command_serves_a_file_of_models_reads_it_anew_and_ends_well(ask, model_path, tmp_path, warm):
    def write(*names):
        listed = "".join(
            f'config {{ name: "{name}" base_path: "{model_path.parent}" model_platform: "tensorflow" }}\n'
            for name in names
        )
        part = tmp_path / "part"
        part.write_text(f"model_config_list {{\n{listed}}}\n")
        part.replace(tmp_path / "models.config")

    write("flights")
    command = ["serve", "--models-config", tmp_path / "models.config", "--port", 0, "--rest-port", 0]
    with warm.popen(command, stderr=subprocess.PIPE) as process:
        try:
            said = next(line for line in process.stderr if line.startswith("answering at "))
            address = said.split()[2].partition("/v1/")[0]
            assert ask(f"{address}/v1/models/flights:predict", {"instances": [ROW]}) == (200, {"predictions": [[13.0]]})
            write("flights", "boats")
            wait_for(lambda: ask(f"{address}/v1/models/boats")[0] == 200)
            (tmp_path / "models.config").write_text("nonsense")
            process.send_signal(signal.SIGHUP)
            assert "the models stay as they are" in next(line for line in process.stderr if "ERROR" in line)
            assert ask(f"{address}/v1/models/boats")[0] == 200
            idle = urllib.request.urlopen(f"{address}/healthz", timeout=60)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0, process.stderr.read()
            idle.close()
        finally:
            process.kill()
