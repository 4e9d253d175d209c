"""The compiled commands of steps that read in place: a process each, artifacts in a store, which is all that pods share.

Two steps, without and with TensorFlow, are started by their own shell command; the others are forks, as their commands are alike.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.pipelines.kubeflow.driver import Backend

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.artifacts.folders import folder_digest, read_json
from stellwerk.loading import load
from stellwerk.pipelines.kubeflow.compilation import compile as compile_spec


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


@pytest.fixture(params=["s3", "gcs"])
def launcher(request: pytest.FixtureRequest, make_project: Callable[[Path], Path], tmp_path: Path) -> Backend:
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
    ir = next(iter(yaml.load_all((tmp_path / "ir.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)))
    return Backend(ir, tmp_path / "pods", bucket, given={"directory": str(tmp_path)}, quick=False)


@pytest.fixture
def ran(finished: Path) -> Path:
    """A run here of the same pipeline, whose source is a file."""
    return max((finished.parent / "runs").glob("*/*/run.json")).parent


@pytest.mark.parametrize("launcher", ["s3"], indirect=True)
def test_steps_that_read_in_place_make_on_a_cluster_what_a_run_here_makes(
    launcher: Backend, ran: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    told = tmp_path / "lineage.jsonl"
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "file")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__LOG_FILE_PATH", str(told))
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__APPEND", "true")
    for task in ("resolve", "ingest", "validate", "transform", "train", "evaluate"):
        launcher.quick = task not in ("ingest", "train")
        launcher.run(task)
        assert launcher.ended[task].state == "succeeded", launcher.ended[task].log

    def of(task: str, artifact: str) -> tuple[Path, Path]:
        top, _, rest = artifact.partition("/")
        inside = "validation" if task == "validate" else top
        return launcher.local(task, inside) / (artifact if task == "validate" else rest), ran / task / artifact

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


def _no_rows_were_fetched(launcher: Backend) -> None:
    assert (launcher.local("validate", "validation", pod="transform") / "schema").is_dir()
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
def test_ingest_leaves_its_examples_where_it_says(launcher: Backend, ran: Path):
    launcher.run("resolve")
    launcher.run("ingest")
    uri = launcher.made["ingest"]["Output"]
    assert uri == launcher.uri("ingest", "examples")
    stored, here = Examples.open(uri), Examples.open(ran / "ingest" / "examples")
    for split in ("train", "eval", "test"):
        assert stored.rows(split) == here.rows(split)
    (source,) = stored.manifest["sources"]
    assert source["files"][0]["path"] == f"{launcher.bucket.uri}/data/flights.csv"
    assert "stored" in source["files"][0]
