"""`stellwerk run --docker`: the compiled IR in real containers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from stellwerk.pipelines.docker.container import LABEL

QUICK = ("--set", "train.epochs=2", "--set", "train.optimizer.schedule=constant")
SETTINGS = (*QUICK, "--set", "push.rehearse.max_p99_ms=5000")
"""Fewer epochs, with steps that do not shrink in them, and a limit that a busy machine keeps too: here nothing is measured."""

SECONDS = 300.0


def newest(spec: Path) -> Path:
    return max((spec.parent / "runs").glob("*/*/run.json")).parent


@pytest.fixture(scope="module")
def pushed(january, stellwerk, image, tmp_path_factory):
    """The same spec and data, run in containers and by the embedded runner on this machine: the two specs' paths."""
    folder = tmp_path_factory.mktemp("january")
    contained, embedded = january(folder / "contained"), january(folder / "embedded")
    ran = stellwerk("run", contained, "--docker", "--image", image, *SETTINGS)
    assert ran.returncode == 0, ran.stderr
    (folder / "contained" / "stderr").write_text(ran.stderr)
    (folder / "contained" / "stdout").write_text(ran.stdout)
    ran = stellwerk("run", embedded, *SETTINGS)
    assert ran.returncode == 0, ran.stderr
    return contained, embedded


def test_the_pushed_model_predicts_what_that_of_the_embedded_run_predicts(pushed, stellwerk, client, image, tmp_path):
    contained, embedded = pushed
    rows = newest(contained) / "ingest" / "examples" / "test" / "part-00000.parquet"
    folder = contained.parent
    command = [
        "stellwerk",
        "predict",
        str(folder / "models" / "flight-delays"),
        str(rows),
        "-o",
        f"{folder}/there.parquet",
    ]
    client.containers.run(
        image,
        command,
        user=f"{os.getuid()}:{os.getgid()}",
        volumes={str(folder): {"bind": str(folder), "mode": "rw"}},
        network_mode="none",
        remove=True,
    )
    ran = stellwerk("predict", embedded.parent / "models" / "flight-delays", rows, "-o", tmp_path / "here.parquet")
    assert ran.returncode == 0, ran.stderr
    there, here = (
        pq.read_table(file)["probability"].to_numpy() for file in (folder / "there.parquet", tmp_path / "here.parquet")
    )
    assert len(there) == len(here) > 1_000
    assert there.std() > 0.01
    assert abs(there - here).max() < 1e-5  # two versions of TensorFlow: 1e-7 was measured


def test_both_runs_made_the_same_of_the_data(pushed):
    made = []
    for run in map(newest, pushed):
        dataset = json.loads((run / "ingest" / "examples" / "dataset.json").read_text())
        features = json.loads((run / "transform" / "transform_graph" / "features.json").read_text())
        del features["examples_version"]  # the bytes of Parquet files differ between versions of Arrow
        schema = (run / "validate" / "schema" / "schema.pbtxt").read_text()
        made.append((dataset["rows"], dataset["columns"], dataset["sources"], features, schema))
    assert made[0] == made[1]


def test_a_run_in_containers_is_told_and_recorded_as_any_other(pushed, image):
    spec = pushed[0]
    told = (spec.parent / "stderr").read_text()
    assert "  train      started\n" in told
    assert "  ingest     ✓" in told
    assert " 26,398 rows\n" in told
    record = json.loads((newest(spec) / "run.json").read_text())
    assert record["status"] == "done"
    assert record["versions"]["image"] == image
    assert {step["status"] for step in record["steps"]} == {"done"}
    assert all(step["peak_memory"] and step["outputs"] for step in record["steps"])
    assert "model   " in (spec.parent / "stdout").read_text()
    assert (newest(spec) / "report.html").stat().st_size > 10_000


def test_what_the_containers_wrote_is_the_callers(pushed):
    files = list(pushed[0].parent.rglob("*"))
    assert {file.lstat().st_uid for file in files} == {os.getuid()}
    assert [file for file in files if file.name in (".kfp", ".tmp", ".events")] == []


def test_a_model_that_is_not_good_enough_is_not_pushed(small, stellwerk, image):
    ran = stellwerk("run", small, "--docker", "--image", image)
    assert ran.returncode == 1, ran.stderr
    assert "auc" in ran.stderr.splitlines()[-1]
    assert list((small.parent / "models").iterdir()) == []
    record = json.loads((newest(small) / "run.json").read_text())
    assert (record["status"], record["exit_code"]) == ("refused", 1)
    assert record["steps"][-1]["status"] in ("refused", "skipped")


def test_a_run_ends_after_the_step_that_is_named_and_keeps_artifacts_in_the_root_that_is_named(small, stellwerk, image):
    root = ("--set", f"cluster={{image: '{image}', pipeline_root: artifacts}}")
    ran = stellwerk("run", small, "--docker", *root, "--until", "validate")
    assert ran.returncode == 0, ran.stderr
    record = json.loads((newest(small) / "run.json").read_text())
    assert [(step["name"], step["status"]) for step in record["steps"]] == [("ingest", "done"), ("validate", "done")]
    kept = small.parent / "artifacts" / "small" / newest(small).name
    inside = "validate/validation/schema/schema.pbtxt"
    for artifact in ("ingest/examples/dataset.json", inside, "validate/validation_page"):
        assert (kept / artifact).samefile(newest(small) / artifact.replace("validation/", ""))


def test_data_and_models_may_lie_in_an_object_store(small, stellwerk, image, s3_store, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t-of-the-store")
    s3_store.content.upload_file(str(small.parent / "data" / "flights.csv"), "models", "data/flights.csv")
    places = ("--set", "data.sources.flights=s3://models/data/flights.csv", "--set", "push.to=s3://models/pushed")
    good_enough = ("--set", "evaluate={require: {auc: {min: 0.3}}, over: nothing}")
    ran = stellwerk("run", small, "--docker", "--image", image, *places, *good_enough)
    assert ran.returncode == 0, ran.stderr
    assert "model   s3://models/pushed/small/1\n" in ran.stdout
    listed = s3_store.content.list_objects_v2(Bucket="models", Prefix="pushed/small/1/")["Contents"]
    assert {"pushed/small/1/saved_model.pb", "pushed/small/1/provenance.json"} <= {each["Key"] for each in listed}
    holding = [
        file for file in small.parent.rglob("*") if file.is_file() and b"s3cr3t-of-the-store" in file.read_bytes()
    ]
    assert holding == []
    assert "s3cr3t-of-the-store" not in ran.stdout + ran.stderr


def test_a_step_that_dies_is_told_with_the_end_of_its_log(small, stellwerk, image):
    (small.parent / "model.py").write_text(
        "import os\n\n\ndef build(inputs):\n    os.write(2, b'a last word\\n')\n    os._exit(7)\n"
    )
    ran = stellwerk("run", small, "--docker", "--image", image, "--set", "model={build: model.py:build}")
    assert ran.returncode == 3, ran.stderr
    *_, log = ran.stderr.partition("step train ended with exit status 7.")
    assert log.splitlines()[-1] == "  a last word"
    record = json.loads((newest(small) / "run.json").read_text())
    assert [step["status"] for step in record["steps"]] == ["done"] * 3 + ["failed"] + ["skipped"] * 2


def test_an_interrupted_run_leaves_no_container(small, client, image):
    command = [sys.executable, "-m", "stellwerk", "run", str(small), "--docker", "--image", image]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        while "validate" not in (line := running.stderr.readline()):
            assert running.poll() is None, line
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=SECONDS)
    assert running.returncode == 130
    run = newest(small).name
    deadline = time.monotonic() + SECONDS
    while client.containers.list(all=True, filters={"label": f"{LABEL}={run}"}):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert json.loads((newest(small) / "run.json").read_text())["status"] == "killed"
