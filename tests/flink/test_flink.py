"""On a real Flink the steps find what they find here, byte for byte; jobs send it next to nothing; workers come up in every way."""

from __future__ import annotations

import json
import shutil
import sys
import time
import urllib.request
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import tensorflow_data_validation as tfdv

from stellwerk.components.calling import call
from stellwerk.errors import StepFailed

STEPS = ("validate", "transform", "evaluate")
OTHERWISE = {
    "saved_model.pb": "is not always numbered alike where a cluster measures what the graph holds",
    "blessing.json": "names the model, and that graph is in it",
    "eval_config.json": "names the folder of the run",
    "digests.json": "has the digests of these",
    "call.json": "names the runner",
    "log.txt": "is what was said",
}
"""Files that differ between any two runs."""
THIN = 4_096
"""Bytes; the jars of Beam are 152 million."""

WITH_BEAM = f'#!/bin/sh\nexec {sys.executable} "$@"\n'
WITHOUT_BEAM = f'#!/bin/sh\nexec {sys.executable} -S "$@"\n'
BOOT = f'#!/bin/sh\nexec {sys.executable} -m stellwerk.components.beam.boot "$@"\n'


@pytest.fixture(scope="module")
def here(run, project):
    return run(project)


@pytest.fixture(scope="module")
def there(run, project, flink, tmp_path_factory):
    """In a folder of its own, where there is no earlier run to be compared with."""
    other = shutil.copytree(
        project, tmp_path_factory.mktemp("there") / "project", ignore=shutil.ignore_patterns("runs")
    )
    options = {"job_endpoint": flink.jobs, "environment_type": "LOOPBACK"}
    return run(other, {"runner": "PortableRunner", "options": options})


@pytest.fixture
def validate(here, tmp_path, flink, sign):
    """`validate(options)` runs the step as a job on Flink, over eleven row groups, and returns what it wrote."""
    examples = tmp_path / "examples"
    shutil.copytree(here / "ingest" / "examples", examples)
    for shard in examples.rglob("*.parquet"):
        pq.write_table(pq.read_table(shard), shard, row_group_size=700)
    sign(examples)

    def run_it(options, **more):
        beam = {"runner": "PortableRunner", "options": {"job_endpoint": flink.jobs, **options}, **more}
        given = {"settings": {"on_anomaly": "warn"}, "target": {"column": "late", "type": "binary"}, "beam": beam}
        out = {name: str(tmp_path / name) for name in ("statistics", "schema", "anomalies")}
        call("validate", {**given, "examples": str(examples), **out})
        return tmp_path

    return run_it


def _files(run: Path) -> dict[str, bytes]:
    found = [path for step in STEPS for path in (run / step).rglob("*") if path.is_file()]
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in found if path.name not in OTHERWISE}


def test_a_run_on_flink_finds_byte_for_byte_what_a_run_here_finds(here, there):
    expected, found = _files(here), _files(there)
    assert len(expected) > 20
    assert sorted(found) == sorted(expected)
    assert [name for name in expected if found[name] != expected[name]] == []


def test_its_steps_were_jobs_of_flink_that_sent_it_one_thin_jar_each(there, flink):
    jobs = flink.jobs_seen()
    assert [job["name"] for job in jobs] == [
        "stellwerk-validate",
        "stellwerk-transform-measure",
        "stellwerk-transform",
        "stellwerk-evaluate",
    ]
    assert {job["state"] for job in jobs} == {"FINISHED"}
    staged = flink.staged()
    assert len(staged) == len(jobs)
    assert max(staged.values()) < THIN


def test_a_job_is_few_tasks_whatever_the_number_of_splits(there, flink):
    tasks = {job["name"]: job["tasks"]["total"] for job in flink.jobs_seen()}
    assert max(tasks.values()) <= 20, tasks


@pytest.mark.parametrize("kind", ["EXTERNAL", "PROCESS"])
def test_workers_that_are_processes_count_the_same(kind, validate, here, pool, script):
    config = pool(WITH_BEAM) if kind == "EXTERNAL" else json.dumps({"command": str(script("boot", BOOT))})
    done = validate({"environment_type": kind, "environment_config": config}, worker_seconds=120)
    for name in ("schema/schema.pbtxt", "anomalies/anomalies.json"):
        assert (done / name).read_bytes() == (here / "validate" / name).read_bytes()
    for split in ("train", "eval", "test"):
        expected, found = (tfdv.load_stats_binary(str(_statistics(path, split))) for path in (here / "validate", done))
        assert found.datasets[0].num_examples == expected.datasets[0].num_examples
        assert _counts(found) == _counts(expected)


def _statistics(step: Path, split: str) -> Path:
    return step / "statistics" / split / "FeatureStats.pb"


def _counts(statistics):
    """What merging leaves exact: how many values there are, and how often each text."""
    return {
        one.path.step[0]: (
            getattr(one, one.WhichOneof("stats")).common_stats.num_non_missing,
            sorted((bucket.label, bucket.sample_count) for bucket in one.string_stats.rank_histogram.buckets),
        )
        for one in statistics.datasets[0].features
    }


def test_a_pool_whose_python_has_no_beam_is_told_and_flink_is_told_to_cancel_the_job(validate, flink, pool, tmp_path):
    address = pool(WITHOUT_BEAM)
    began = time.monotonic()
    said = f"no worker has come up, so it was told to cancel the job: the pool at {address} starts `python` from its own PATH"
    with pytest.raises(StepFailed, match=said):
        validate({"environment_type": "EXTERNAL", "environment_config": address}, worker_seconds=15)
    assert time.monotonic() - began < 60
    assert "ModuleNotFoundError" in (tmp_path / "pool.log").read_text()
    # Beam's job server takes the cancelling for itself and leaves Flink's job be: the guide says how to end it.
    job = flink.jobs_seen()[-1]
    assert job["state"] == "RUNNING"
    address = f"{flink.rest}/jobs/{job['jid']}?mode=cancel"
    urllib.request.urlopen(urllib.request.Request(address, method="PATCH"), timeout=60).close()
    while flink.jobs_seen()[-1]["state"] != "CANCELED":
        assert time.monotonic() - began < 180
        time.sleep(0.5)
