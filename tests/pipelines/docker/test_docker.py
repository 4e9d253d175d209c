"""What `run --docker` says where nothing can run. The runs themselves are in tests/containers, which need an image."""

from __future__ import annotations

import json
import os
import re
import socketserver
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import ClassVar

import pytest

from stellwerk import __version__, load
from stellwerk.errors import UsageError
from stellwerk.pipelines.docker.access import (
    ANYWHERE,
    CERTIFICATES,
    access,
    refuse_what_none_reaches,
)
from stellwerk.pipelines.docker.mounts import mounts
from stellwerk.pipelines.docker.roots import Root, folder_of
from stellwerk.pipelines.docker.service import Service
from stellwerk.pipelines.embedded.workers import WORKER
from stellwerk.pipelines.graph import graph
from stellwerk.pipelines.kubeflow.compilation import intermediate
from stellwerk.stores import gcs, s3

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def spec(make_project: Callable[[Path], Path], tmp_path: Path) -> Path:
    return make_project(tmp_path / "project")


@pytest.fixture
def empty_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service that has no image, answering as Docker's API does."""

    class Answers(BaseHTTPRequestHandler):
        known: ClassVar = {"/version": {"ApiVersion": "1.41"}, "/info": {"SecurityOptions": ["name=seccomp"]}}

        def do_GET(self) -> None:
            path = re.sub(r"^/v[0-9.]+", "", self.path)
            body = json.dumps(self.known.get(path, {"message": "no such image"})).encode()
            self.send_response(200 if path in self.known else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def address_string(self) -> str:
            return "a client"

        def log_message(self, *_: object) -> None:
            pass

    path = tmp_path_factory.mktemp("s") / "docker.sock"
    with socketserver.ThreadingUnixStreamServer(str(path), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"unix://{path}"
        server.shutdown()
        thread.join()


def test_without_a_service_the_error_names_the_socket_and_what_to_start(spec, stellwerk, tmp_path):
    host = f"unix://{tmp_path}/none.sock"
    ran = stellwerk("run", spec, "--docker", environment={"DOCKER_HOST": host})
    assert ran.returncode == 3
    assert ran.stderr.startswith(f"no container service answers at {host}: start Docker, or podman's service")
    assert "(No such file or directory)" in ran.stderr
    assert (ran.stdout, ran.stderr.count("\n")) == ("", 1)
    assert list(spec.parent.glob("runs/*/*/run.json")) == []


def test_an_image_that_is_not_there_is_told_with_how_to_build_it(spec, stellwerk, empty_service):
    ran = stellwerk("run", spec, "--docker", environment={"DOCKER_HOST": empty_service})
    assert ran.returncode == 2
    assert f"image 'stellwerk:{__version__}' is not on this machine. Build it" in ran.stderr
    assert f"`docker build -t stellwerk:{__version__} .`" in ran.stderr
    assert ran.stdout == ""


def test_the_image_is_that_of_the_option_then_that_of_the_spec(spec, stellwerk, empty_service):
    of_the_spec = ("--set", "cluster={image: mine:3}")
    environment = {"DOCKER_HOST": empty_service}
    ran = stellwerk("run", spec, "--docker", *of_the_spec, environment=environment)
    assert "image 'mine:3' is not on this machine" in ran.stderr
    ran = stellwerk("run", spec, "--docker", *of_the_spec, "--image", "yours", environment=environment)
    assert "image 'yours' is not on this machine" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["--image", "x"], {}, "--image names the image of a run with --docker"),
        (["--docker", "--until", "trian"], {}, "no step 'trian'. Did you mean 'train'?"),
        (["--docker", "--from", "train"], {}, "--from is not for --docker: nothing is taken from the cache there"),
        (["--docker"], {"DOCKER_HOST": "ssh://build@elsewhere"}, "the service has to run here"),
        (["--docker"], {"DOCKER_HOST": "tcp://10.0.0.1:2375"}, "the service has to run here"),
        (
            ["--docker", "--set", "push.kubernetes={namespace: ml, storage_uri: 'pvc://claim/models'}"],
            {},
            "reach no cluster",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_runs(spec, stellwerk, arguments, environment, message):
    ran = stellwerk("run", spec, *arguments, environment=environment)
    assert ran.returncode == 2, ran.stderr
    assert message in ran.stderr
    assert list(spec.parent.glob("runs/*/*/run.json")) == []


def test_containers_read_the_data_and_write_only_to_the_pushed_models(spec):
    elsewhere = spec.parent.parent / "elsewhere"
    elsewhere.mkdir()
    (spec.parent / "flights.csv").rename(elsewhere / "all.csv")
    (spec.parent / "flights.csv").symlink_to(elsewhere / "all.csv")
    found = mounts(load(spec))
    assert {path: mount["mode"] for path, mount in found.items()} == {
        str(spec.parent): "ro",
        str(elsewhere): "ro",
        str(spec.parent / "models"): "rw",
    }
    assert all(mount["bind"] == path for path, mount in found.items())
    assert (spec.parent / "models").is_dir()


@pytest.fixture
def ended(tmp_path: Path) -> Callable[[Path | None], tuple[Root, Path]]:
    """What KFP's local runner leaves of a run whose step `train` was stopped, in a root that the spec names or in the run."""

    def make(named: Path | None) -> tuple[Root, Path]:
        run = tmp_path / "runs" / "small-flights" / "20261122-060000-abcd"
        root = Root.of(run, named)
        for step in ("ingest", "validate", "train"):
            (run / step).mkdir(parents=True)
            (root.folder / "small-flights-2026-11-22" / step).mkdir(parents=True)
        there = root.folder / "small-flights-2026-11-22"
        (there / "ingest" / "executor_output.json").write_text("{}")
        (there / "ingest" / "examples").mkdir()
        (there / "ingest" / "examples" / "dataset.json").write_text("{}")
        (there / "ingest" / "page").write_text("a page")
        (there / "validate" / "validation" / "schema").mkdir(parents=True)
        (there / "validate" / "validation" / "schema" / "schema.pbtxt").write_text("")
        (there / "train" / ".model.part").mkdir()
        assert root.while_running("ingest", "page") == there / "ingest" / "page"
        assert root.while_running("validate", "schema") == there / "validate" / "validation" / "schema"
        assert root.while_running("train", "model") is None
        root.hand_over(run, iter(["ingest", "validate", "train"]))
        return root, run

    return make


def files(folder: Path) -> list[str]:
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())


def test_artifacts_move_into_the_folder_of_the_run(ended):
    root, run = ended(None)
    assert files(run) == ["ingest/examples/dataset.json", "ingest/page", "validate/schema/schema.pbtxt"]
    assert not root.folder.exists()


def test_in_a_root_that_the_spec_names_artifacts_stay_and_take_no_room_twice(ended, tmp_path):
    root, run = ended(tmp_path / "artifacts")
    assert root.folder == tmp_path / "artifacts" / "small-flights" / run.name
    kept = ["ingest/examples/dataset.json", "ingest/page", "validate/validation/schema/schema.pbtxt"]
    assert files(root.folder) == kept
    assert files(run) == [name.replace("validation/", "") for name in kept]
    for name in kept:
        assert (root.folder / name).samefile(run / name.replace("validation/", ""))


def test_a_root_is_made_beside_the_spec_and_one_that_cannot_be_is_told(spec):
    assert folder_of(load(spec)) is None
    assert folder_of(load(spec, ["cluster={image: a, pipeline_root: 's3://runs'}"])) is None
    assert folder_of(load(spec, ["cluster={image: a, pipeline_root: kept/here}"])) == spec.parent / "kept" / "here"
    assert (spec.parent / "kept" / "here").is_dir()
    with pytest.raises(UsageError, match=r"flights\.csv/here: cannot be made: .*Give cluster\.pipeline_root a folder"):
        folder_of(load(spec, ["cluster={image: a, pipeline_root: flights.csv/here}"]))


STORES = ("data.sources.flights=s3://data/flights.csv", "push.to=gs://models")


def test_only_steps_that_need_a_store_have_a_network_and_what_opens_it(spec, monkeypatch, tmp_path):
    (tmp_path / "account.json").write_text("{}")
    for name in (*ANYWHERE, *CERTIFICATES, *s3.FILES, *gcs.FILES, *s3.VARIABLES, *gcs.VARIABLES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "account.json"))
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("UNRELATED", "kept here")
    found = load(spec, STORES).spec
    steps = {step: access(found, step) for step in ("resolve", "ingest", "validate", "train", "push")}
    assert [step for step, given in steps.items() if given.network] == ["resolve", "ingest", "push"]
    assert set(steps["ingest"].environment) == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "HTTPS_PROXY"}
    assert set(steps["push"].environment) == {"GOOGLE_APPLICATION_CREDENTIALS", "HTTPS_PROXY"}
    assert steps["push"].files == (str(tmp_path / "account.json"),)
    assert (steps["train"].environment, steps["train"].files) == ({}, ())
    assert "s3cr3t" not in repr(steps)
    assert mounts(load(spec, STORES)) == {}


def test_a_place_that_needs_what_is_installed_here_is_refused(spec):
    with pytest.raises(
        UsageError, match=r"data\.sources\.flights: .* do not reach 'hdfs://name/a\.csv': hdfs:// needs"
    ):
        refuse_what_none_reaches(load(spec, ("data.sources.flights=hdfs://name/a.csv",)).spec)


def test_credentials_in_their_usual_files_are_mounted_and_named(spec, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("AWS_SHARED_CREDENTIALS_FILE", raising=False)
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text("[default]")
    given = access(load(spec, STORES).spec, "ingest")
    assert given.environment["AWS_SHARED_CREDENTIALS_FILE"] == str(tmp_path / ".aws" / "credentials")
    assert str(tmp_path / ".aws" / "credentials") in given.files


def test_a_comparison_with_what_was_pushed_reads_its_store(spec):
    wanted = ("push.to=s3://models", "evaluate.require.auc={min: 0.5, min_gain: 0}")
    found = load(spec, wanted).spec
    assert [step for step in ("ingest", "validate", "evaluate", "push") if access(found, step).network] == [
        "evaluate",
        "push",
    ]


@pytest.mark.parametrize("last", ["ingest", "validate", "train", "evaluate"])
def test_a_pipeline_that_ends_early_is_compiled_without_what_comes_after(spec, last: str):
    loaded = load(spec, ("cluster={image: x}", "evaluate.require.auc={min: 0.5, min_gain: 0}"))
    steps = graph(loaded).until(last)
    (ir, *_) = intermediate(loaded, steps, local=True)
    made = {name.removeprefix("comp-") for name in ir["components"]}
    assert made - {"resolve"} == {step.name for step in steps.steps}


def test_a_folder_for_models_that_cannot_be_made_is_told(spec):
    (spec.parent / "models").write_text("a file")
    with pytest.raises(UsageError, match=r"models: cannot be made: File exists\. Give push\.to a folder that can\."):
        mounts(load(spec))


def test_what_a_container_writes_is_the_callers_also_where_the_service_runs_without_root():
    assert Service(None, ("name=seccomp,profile=default",)).user == f"{os.getuid()}:{os.getgid()}"
    assert Service(None, ("name=seccomp", "name=rootless")).user == "0:0"


def test_frameworks_find_the_same_environment_in_the_image_as_in_the_embedded_runner():
    dockerfile = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
    assert {name: value for name, value in WORKER.items() if f"{name}={value}" not in dockerfile} == {}
    assert "PYTHONDONTWRITEBYTECODE" not in dockerfile
