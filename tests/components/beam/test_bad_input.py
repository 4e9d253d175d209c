"""A runner that cannot be used, options nobody knows, workers that see nothing: one sentence, before any work is lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.beam.jobs import job, told
from stellwerk.components.beam.portions import portions
from stellwerk.components.beam.shared_storage import SharedStorage, local_copy, put, seen_by_worker, shared_storage
from stellwerk.components.calling import call
from stellwerk.errors import DataError, HookError, SpecError, StepFailed
from stellwerk.loading import load
from stellwerk.pipelines.checking import check
from stellwerk.spec import Beam

SPEC = """
name: flights
data: {sources: {flights: flights.csv}}
features: {distance: {type: number}}
target: {column: late, type: binary}
"""


@pytest.fixture
def problems(tmp_path: Path) -> Callable[[str], list[str]]:
    """`problems(yaml of beam, more)` says what `check` finds in a spec with this section."""
    (tmp_path / "flights.csv").write_text("distance,late\n" + "".join(f"{row},{row % 2}\n" for row in range(400)))
    file = tmp_path / "pipeline.yaml"

    def find(beam: str, more: str = "") -> list[str]:
        file.write_text(f"{SPEC}beam: {beam}\n{more}")
        try:
            return [str(problem) for problem in check(load(file))]
        except SpecError as error:
            return [str(problem) for problem in error.problems]

    return find


@pytest.mark.parametrize(
    ("beam", "said"),
    [
        ("{runner: FlinkRuner}", "Did you mean 'FlinkRunner'?"),
        ("{runner: PortableRunner}", "must say job_endpoint: HOST:PORT"),
        ("{runner: PortableRunner, options: {job_endpoint: 'http://flink:8099/'}}", "must be HOST:PORT"),
        ("{runner: FnApiRunner, options: {runner: FlinkRunner}}", "is said beside the options already: beam.runner"),
        ("{runner: FnApiRunner, options: {s3_secret_access_key: abc}}", "looks like a secret"),
        ("{runner: FnApiRunner, options: {temp_location: 'gs://me:word@bucket/x'}}", "has credentials in it"),
        ("{runner: FnApiRunner, shared: work/beam}", "must be a path from the root, or begin with gs://"),
        ("{runner: FnApiRunner, steps: [train]}", "beam.steps"),
        ("{runner: DataflowRunner, shared: 'gs://b/x', options: {project: p, region: r}}", "must say temp_location"),
        (
            "{runner: DataflowRunner, options: {project: p, region: r, temp_location: 'gs://b/t'}}",
            "must be gs://BUCKET/FOLDER for runner: DataflowRunner",
        ),
    ],
)
def test_a_section_that_cannot_work_is_refused_with_its_line(problems, beam, said):
    (problem,) = problems(beam)
    assert "pipeline.yaml:6: beam" in problem
    assert said in problem
    assert "word@" not in problem


def test_check_says_that_no_job_service_answers(problems, closed_port):
    (problem,) = problems(f"{{runner: PortableRunner, options: {{job_endpoint: '{closed_port}'}}}}")
    assert "pipeline.yaml:6: beam.options.job_endpoint: PortableRunner has its job service at" in problem
    assert "does not answer: Connection refused. Start it, or correct the address." in problem


def test_check_leaves_addresses_of_the_cluster_to_the_steps_that_run_there(problems, closed_port):
    beam = f"{{runner: PortableRunner, options: {{job_endpoint: '{closed_port}'}}}}"
    assert not problems(beam, "cluster: {image: 'registry.example/stellwerk:1'}\n")


def test_a_metric_of_ones_own_is_refused_where_workers_cannot_import_it(problems):
    own = "evaluate: {metrics: [auc, 'metrics.py:Mine']}\n"
    (problem,) = problems("{runner: PortableRunner, options: {job_endpoint: 'jobs:8099'}}", own)
    assert "pipeline.yaml:7: evaluate.metrics[1]: 'metrics.py:Mine' is your own" in problem
    assert "Take evaluate out of beam.steps" in problem
    elsewhere = "{runner: PortableRunner, options: {job_endpoint: 'jobs:8099'}, steps: [validate]}"
    found = problems(elsewhere, f"{own}cluster: {{image: 'registry.example/stellwerk:1'}}\n")
    assert not [problem for problem in found if "is your own" in problem]


def test_check_says_that_flink_needs_java(problems, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    (problem,) = problems("{runner: FlinkRunner}")
    assert "beam.runner: FlinkRunner starts its job server with Java, and there is no `java` on the PATH." in problem


def test_a_step_says_that_no_job_service_answers_before_anything_is_sent(closed_port, tmp_path):
    settings = Beam(runner="PortableRunner", options={"job_endpoint": closed_port})
    said = r"beam: PortableRunner has its job service at .* does not answer"
    with (
        pytest.raises(StepFailed, match=said),
        job(settings, "validate", [], SharedStorage(str(tmp_path), copies=False)),
    ):
        pytest.fail("the job is not begun")


def test_an_option_that_nobody_knows_is_refused(job_service, tmp_path):
    options = {"job_endpoint": job_service, "enviroment_type": "LOOPBACK"}
    settings = Beam(runner="PortableRunner", options=options)
    said = "beam.options.enviroment_type: neither Beam nor .* has this option. Did you mean 'environment_type'?"
    with (
        pytest.raises(StepFailed, match=said),
        job(settings, "validate", [], SharedStorage(str(tmp_path), copies=False)),
    ):
        pytest.fail("the job is not begun")


def test_a_worker_that_does_not_see_the_shards_says_what_to_mount(flights, tmp_path):
    examples = Examples.open(shutil.copytree(flights, tmp_path / "examples"))
    with shared_storage(Beam(runner="FnApiRunner"), tmp_path / "out") as place:
        (portion, *_) = portions(examples, "train", place)
        shutil.rmtree(tmp_path / "examples")
        with pytest.raises(DataError, match=r"does not see .*Mount the same volume at the same path .*beam.shared"):
            next(portion.batches(["late"]))


def test_an_error_of_a_hook_on_a_worker_is_told_as_here(flights, tmp_path):
    source = "import tensorflow as tf\ndef ids(columns):\n    return tf.cast(columns['hour'], tf.int64)\n"
    out = {name: str(tmp_path / name) for name in ("transform_graph", "transformed")}
    (tmp_path / "schema.pbtxt").write_text("")
    features = {"ids": {"type": "custom", "transform": "f.py:ids", "columns": ["hour"], "size": 3}}
    given = {"target": {"column": "late", "type": "binary"}, "hooks": {"f.py": source}, "examples": str(flights)}
    beam = {"runner": "FnApiRunner"}
    with pytest.raises(
        HookError,
        match=r"features\.ids\.transform: f\.py:ids returned ids from 5 to 2\d in the \w+ split, but size: 3 means 0 to 2\.$",
    ):
        call(
            "transform", {**given, "features": features, "schema": str(tmp_path / "schema.pbtxt"), **out, "beam": beam}
        )
    assert {path.name for path in tmp_path.iterdir()} == {"schema.pbtxt"}, "nothing is left over"


def test_what_a_runner_says_becomes_one_line():
    settings = Beam(runner="FlinkRunner")
    java = "Pipeline x failed in state FAILED:\njava.lang.RuntimeException: Error\nCaused by: java.io.IOException: no space\n\tat x"
    assert str(told(settings, RuntimeError(java))) == (
        "beam: FlinkRunner could not do the job: Caused by: java.io.IOException: no space"
    )


def test_what_is_shared_is_copied_there_and_removed_afterwards(tmp_path):
    given, shared = tmp_path / "model", tmp_path / "shared"
    (given / "variables").mkdir(parents=True)
    (given / "variables" / "data").write_bytes(b"weights")
    with shared_storage(Beam(runner="FnApiRunner", shared=str(shared)), tmp_path / "out") as place:
        with local_copy(seen_by_worker(place.give(given))) as copy:
            assert shared in copy.parents
            assert (copy / "variables" / "data").read_bytes() == b"weights"
        put(b"made", place.at("made", "part"))
        place.fetch(place.at("made"), tmp_path / "fetched")
        assert (tmp_path / "fetched" / "part").read_bytes() == b"made"
        with pytest.raises(StepFailed, match="this step does not see it"):
            place.read(place.at("nothing"))
    assert not any(shared.iterdir())
