"""A pipeline on this machine whose data lies in an object store."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stellwerk.errors import StepFailed
from stellwerk.loading import load
from stellwerk.pipelines.checking import check
from stellwerk.pipelines.embedded.runner import run

Project = Callable[[str], Path]


@pytest.fixture
def project(tmp_path: Path, make_project: Callable[[Path], Path], s3_store: Any) -> Project:
    """The small pipeline with its flights in a bucket, and the spec changed so that it reads them there."""
    spec = make_project(tmp_path)
    content = (tmp_path / "flights.csv").read_bytes()
    (tmp_path / "flights.csv").unlink()
    s3_store.content.put_object(Bucket="models", Key="data/flights.csv", Body=content)

    def at(uri: str) -> Path:
        spec.write_text(spec.read_text().replace("flights: flights.csv", f"flights: '{uri}'"))
        return spec

    return at


def test_an_unchanged_object_is_neither_read_nor_ingested_again(project: Project, s3_store: Any) -> None:
    loaded = load(project("s3://models/data/flights.csv"))
    asked: list[str] = []
    s3_store.refuse = lambda method, path: asked.append(method) if path.endswith("flights.csv") else None
    first = run(loaded, until="ingest")
    assert first.step("ingest").status == "done"
    assert asked.count("GET") == 1
    asked.clear()
    assert run(loaded, until="ingest").step("ingest").status == "cached"
    assert "GET" not in asked
    again = run(load(loaded.path, ["data.split.train=0.7", "data.split.test=0.2"]), until="ingest")
    assert again.step("ingest").status == "done"
    assert "GET" not in asked
    content = s3_store.content.get_object(Bucket="models", Key="data/flights.csv")["Body"].read()
    shorter = content[: content.rindex(b"\n", 0, -1) + 1]
    s3_store.content.put_object(Bucket="models", Key="data/flights.csv", Body=shorter)
    changed = run(loaded, until="ingest")
    assert changed.step("ingest").status == "done"
    manifest = json.loads((changed.artifact("ingest", "examples") / "dataset.json").read_text())
    assert manifest["sources"][0]["files"][0]["path"] == "s3://models/data/flights.csv"
    assert manifest["sources"][0]["bytes"] == len(shorter)


def test_an_object_that_is_read_in_place_counts_in_the_cache_and_in_lineage_by_its_version(
    project: Project, s3_store: Any
) -> None:
    versioning = {"Status": "Enabled"}
    s3_store.content.put_bucket_versioning(Bucket="models", VersioningConfiguration=versioning)
    content = s3_store.content.get_object(Bucket="models", Key="data/flights.csv")["Body"].read()
    wanted = s3_store.content.put_object(Bucket="models", Key="data/flights.csv", Body=content)["VersionId"]
    spec = project("s3://models/data/flights.csv")
    spec.write_text(
        spec.read_text().replace("'s3://models/data/flights.csv'", "{path: 's3://models/data/*.csv', access: in_place}")
    )
    loaded = load(spec)
    assert check(loaded) == []
    first = run(loaded, until="ingest")
    assert first.step("ingest").status == "done"
    assert not list((first.folder.parent / ".objects").glob("*"))
    events = [json.loads(line) for line in (first.folder / "openlineage.jsonl").read_text().splitlines()]
    read = [dataset for event in events for dataset in event["inputs"] if dataset["namespace"] == "s3://models"]
    assert {dataset["facets"]["version"]["datasetVersion"] for dataset in read} == {wanted}
    assert run(loaded, until="ingest").step("ingest").status == "cached"
    s3_store.content.put_object(Bucket="models", Key="data/flights.csv", Body=content)
    assert run(loaded, until="ingest").step("ingest").status == "done"


def test_check_holds_the_spec_against_the_columns_of_an_object(project: Project, s3_store: Any) -> None:
    spec = project("s3://models/data/*.csv")
    assert check(load(spec)) == []
    spec.write_text(spec.read_text().replace("carrier: {", "carier: {"))
    (problem,) = check(load(spec))
    assert problem.path == "features.carier"
    assert "Did you mean 'carrier'?" in problem.message


def test_an_object_that_is_not_there_is_told_with_the_line_of_its_source(project: Project) -> None:
    loaded = load(project("s3://models/data/flight.csv"))
    (problem,) = check(loaded)
    assert (problem.line, problem.path) == (3, "data.sources.flights.path")
    assert "Did you mean 'data/flights.csv'?" in problem.message
    with pytest.raises(StepFailed, match="there is no such object"):
        run(loaded, until="ingest")


def test_check_says_nothing_but_its_result(
    tmp_path: Path, make_project: Callable[[Path], Path], gcs_store: Any, stellwerk: Callable[..., Any]
) -> None:
    from google.cloud import storage  # noqa: PLC0415

    spec = make_project(tmp_path)
    storage.Client(project=None).bucket("models").blob("flights.csv").upload_from_filename(tmp_path / "flights.csv")
    spec.write_text(spec.read_text().replace("flights: flights.csv", "flights: 'gs://models/*.csv'"))
    done = stellwerk("check", spec)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{spec}: ok\n", "")
