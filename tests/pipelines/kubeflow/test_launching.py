"""The compiled commands of steps that read in place, run as Kubeflow's launcher runs them: a process each, artifacts in a store.

`Launcher` stands for the driver and the launcher of a pod: it resolves what a task is given, writes the ExecutorInput, fetches
input artifacts, runs the executor's own command, and uploads the outputs. Pods share nothing but the store.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest
import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.artifacts.folders import folder_digest, read_json
from stellwerk.loading import load
from stellwerk.pipelines.kubeflow.compilation import compile as compile_spec

RUN = "0f6c2b5e-9d0a-4c39-8a53-2f4f0f6d7a11"
SALT = "6b2b0f4c-4f55-4c0a-9a05-7f3f9f3c2b11"
MOUNTED = """\
import os
from kfp.dsl.types import artifact_types
artifact_types._S3_LOCAL_MOUNT_PREFIX = os.environ["POD"] + "/s3/"
artifact_types._GCS_LOCAL_MOUNT_PREFIX = os.environ["POD"] + "/gcs/"
"""
"""Puts /s3 and /gcs, where a pod has volumes, into a folder of the test: only root may make them."""
MOUNTS = {"s3://": "s3/", "gs://": "gcs/"}


class Bucket(Protocol):
    """The bucket `models` of a store."""

    uri: str

    def put(self, key: str, data: bytes) -> None:
        """Writes an object."""

    def below(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """Yields every object whose key starts so."""


class S3:
    uri = "s3://models"

    def __init__(self, client: Any) -> None:
        self.client = client

    def put(self, key: str, data: bytes) -> None:
        self.client.put_object(Bucket="models", Key=key, Body=data)

    def below(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        for each in self.client.list_objects_v2(Bucket="models", Prefix=prefix).get("Contents", ()):
            yield each["Key"], self.client.get_object(Bucket="models", Key=each["Key"])["Body"].read()


class GCS:
    uri = "gs://models"

    def __init__(self) -> None:
        from google.cloud import storage  # noqa: PLC0415

        self.bucket = storage.Client(project=None).bucket("models")

    def put(self, key: str, data: bytes) -> None:
        self.bucket.blob(key).upload_from_string(data)

    def below(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        for blob in self.bucket.list_blobs(prefix=prefix):
            yield blob.name, blob.download_as_bytes()


@dataclass
class Launcher:
    """Runs tasks of an IR, each in a pod of its own: a folder that starts empty."""

    ir: dict[str, Any]
    folder: Path
    bucket: Bucket
    made: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What each task put out: values and artifacts by name."""

    def run(self, task: str) -> Path:
        """Runs a task and returns its pod. Its outputs are in the bucket then."""
        pod = self.folder / task
        definition = self.ir["components"][f"comp-{task}"]
        given = self._executor_input(task, definition, pod)
        for artifacts in given.get("inputs", {}).get("artifacts", {}).values():
            for key, data in self.bucket.below(self._key(artifacts["artifacts"][0]["uri"]) + "/"):
                file = pod / self._mount / key
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)
        self._execute(task, pod, given)
        written = read_json(pod / "output_metadata.json")
        artifacts = given["outputs"]["artifacts"]
        for name, listed in written["artifacts"].items():
            artifacts[name]["artifacts"][0].update(listed["artifacts"][0])
        for name, listed in artifacts.items():
            self._upload(pod, listed["artifacts"][0]["uri"])
            self.made.setdefault(task, {})[name] = listed["artifacts"][0]
        self.made[task] |= written.get("parameterValues", {})
        return pod

    def uri(self, task: str, artifact: str) -> str:
        return f"{self.bucket.uri}/{self.ir['pipelineInfo']['name']}/{RUN}/{task}/{SALT}/{artifact}"

    def local(self, task: str, artifact: str, pod: str | None = None) -> Path:
        """Returns where an artifact of a task is in a pod, by default that of the task."""
        return self.folder / (pod or task) / self._mount / self._key(self.uri(task, artifact))

    @property
    def _mount(self) -> str:
        return MOUNTS[self.bucket.uri.removesuffix("models")] + "models"

    def _key(self, uri: str) -> str:
        return uri.removeprefix(f"{self.bucket.uri}/")

    def _upload(self, pod: Path, uri: str) -> None:
        place = pod / self._mount / self._key(uri)
        files = [place] if place.is_file() else [each for each in place.rglob("*") if each.is_file()]
        for file in files:
            self.bucket.put(file.relative_to(pod / self._mount).as_posix(), file.read_bytes())

    def _executor_input(self, task: str, definition: dict[str, Any], pod: Path) -> dict[str, Any]:
        inputs, outputs = definition["inputDefinitions"], definition["outputDefinitions"]
        wired = self._task(task)["inputs"]
        values = {name: each["defaultValue"] for name, each in inputs["parameters"].items() if each.get("defaultValue")}
        values |= {name: self._value(source) for name, source in wired.get("parameters", {}).items()}
        message = {
            "inputs": {
                "parameterValues": values,
                "artifacts": {
                    name: {"artifacts": [self._value(source)]} for name, source in wired.get("artifacts", {}).items()
                },
            },
            "outputs": {
                "parameters": {name: {"outputFile": f"{pod}/outputs/{name}"} for name in outputs.get("parameters", {})},
                "artifacts": {
                    name: {"artifacts": [{"name": name, "type": each["artifactType"], "uri": self.uri(task, name)}]}
                    for name, each in outputs["artifacts"].items()
                },
                "outputFile": f"{pod}/output_metadata.json",
            },
        }
        parsed = json_format.ParseDict(message, pipeline_spec_pb2.ExecutorInput())
        found: dict[str, Any] = json_format.MessageToDict(parsed)  # with every number a float, as the backend has them
        return found

    def _task(self, name: str) -> dict[str, Any]:
        groups = (each.get("dag", {}).get("tasks", {}) for each in [self.ir["root"], *self.ir["components"].values()])
        found: dict[str, Any] = next(tasks[name] for tasks in groups if name in tasks)
        return found

    def _value(self, source: dict[str, Any]) -> Any:
        if "runtimeValue" in source:
            text = json.dumps(source["runtimeValue"]["constant"]).replace("{{$.pipeline_job_uuid}}", RUN)
            return json.loads(text)
        if "componentInputParameter" in source:
            declared = self.ir["root"]["inputDefinitions"]["parameters"]
            return declared[source["componentInputParameter"].removeprefix("pipelinechannel--")]["defaultValue"]
        made = source.get("taskOutputParameter") or source["taskOutputArtifact"]
        return self.made[made["producerTask"]][made.get("outputParameterKey") or made["outputArtifactKey"]]

    def _execute(self, task: str, pod: Path, given: dict[str, Any]) -> None:
        container = self.ir["deploymentSpec"]["executors"][f"exec-{task}"]["container"]
        command = [part.replace("{{$}}", json.dumps(given)) for part in container["command"] + container["args"]]
        (pod / "tmp").mkdir(parents=True, exist_ok=True)
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join([str(self.folder), *sys.path]),
            "POD": str(pod),
            "TMPDIR": str(pod / "tmp"),
        }
        ran = subprocess.run(
            command, cwd=pod / "tmp", env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert ran.returncode == 0, ran.stderr


@pytest.fixture(params=["s3", "gcs"])
def launcher(request: pytest.FixtureRequest, make_project: Callable[[Path], Path], tmp_path: Path) -> Launcher:
    """Compiles the small pipeline to read everything in place: its source, and the rows between its steps."""
    server = request.getfixturevalue(f"{request.param}_store")
    bucket = S3(server.content) if request.param == "s3" else GCS()
    spec = make_project(tmp_path / "project")
    bucket.put("data/flights.csv", (spec.parent / "flights.csv").read_bytes())
    (spec.parent / "flights.csv").unlink()
    source = f"data.sources.flights={{path: '{bucket.uri}/data/flights.csv', access: in_place}}"
    root = f"cluster.pipeline_root={bucket.uri}"
    loaded = load(spec, ["cluster.image=stellwerk", root, "cluster.examples=in_place", source])
    compile_spec(loaded, tmp_path / "ir.yaml")
    ir = next(iter(yaml.safe_load_all((tmp_path / "ir.yaml").read_text(encoding="utf-8"))))
    pods = tmp_path / "pods"
    pods.mkdir()
    (pods / "sitecustomize.py").write_text(MOUNTED, encoding="utf-8")
    return Launcher(ir, pods, bucket)


@pytest.fixture
def ran(finished: Path) -> Path:
    """A run here of the same pipeline, whose source is a file."""
    return max((finished.parent / "runs").glob("*/*/run.json")).parent


@pytest.mark.parametrize("launcher", ["s3"], indirect=True)
def test_steps_that_read_in_place_make_on_a_cluster_what_a_run_here_makes(
    launcher: Launcher, ran: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    told = tmp_path / "lineage.jsonl"
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "file")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__LOG_FILE_PATH", str(told))
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__APPEND", "true")
    for task in ("ingest", "validate", "transform", "train", "evaluate"):
        launcher.run(task)

    def of(task: str, artifact: str) -> tuple[Path, Path]:
        return launcher.local(task, artifact), ran / task / artifact

    for split in ("train", "eval", "test", "quarantine"):
        mine, its = of("ingest", "examples")
        assert folder_digest(mine / split) == folder_digest(its / split)
    for task, artifact in (("validate", "statistics"), ("validate", "schema"), ("transform", "transformed/train")):
        mine, its = of(task, artifact)
        assert folder_digest(mine) == folder_digest(its)
    mine, its = (read_json(run / "history.json")["epochs"] for run in of("train", "history"))
    assert [one["loss"] for one in mine] == pytest.approx([one["loss"] for one in its], rel=1e-5)
    for mine, its in zip(
        *(read_json(run / "evaluation.json")["slices"] for run in of("evaluate", "evaluation")), strict=True
    ):
        assert (mine["slice"], mine["examples"]) == (its["slice"], its["examples"])
        for name, value in its["metrics"].items():
            assert mine["metrics"][name] == (value if value is None else pytest.approx(value, rel=1e-5))
    assert launcher.made["evaluate"]["Output"] is True
    _no_rows_were_fetched(launcher)
    _lineage_names(told, launcher.uri("ingest", "examples"), launcher.uri("transform", "transformed"))


def _no_rows_were_fetched(launcher: Launcher) -> None:
    assert launcher.local("validate", "schema", pod="transform").is_dir()
    for pod in ("validate", "transform", "train", "evaluate"):
        assert not launcher.local("ingest", "examples", pod).exists()
    assert not launcher.local("transform", "transformed", pod="train").exists()


def _lineage_names(told: Path, *uris: str) -> None:
    events = [json.loads(line) for line in told.read_text(encoding="utf-8").splitlines()]
    read = {
        one["facets"]["symlinks"]["identifiers"][0]["name"]: one["inputFacets"]["inputStatistics"]["fileCount"]
        for event in events
        for one in event.get("inputs", ())
        if one["name"].endswith(("examples", "transformed"))
    }
    assert read.keys() == {uri.partition("://")[2].partition("/")[2] for uri in uris}
    assert all(count >= 2 for count in read.values())


@pytest.mark.parametrize("launcher", ["gcs"], indirect=True)
def test_ingest_leaves_its_examples_where_it_says(launcher: Launcher, ran: Path):
    launcher.run("ingest")
    uri = launcher.made["ingest"]["Output"]
    assert uri == launcher.uri("ingest", "examples")
    stored, here = Examples.open(uri), Examples.open(ran / "ingest" / "examples")
    for split in ("train", "eval", "test"):
        assert stored.rows(split) == here.rows(split)
    (source,) = stored.manifest["sources"]
    assert source["files"][0]["path"] == f"{launcher.bucket.uri}/data/flights.csv"
    assert "stored" in source["files"][0]
