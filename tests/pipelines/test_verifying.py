"""`stellwerk verify`: every byte of models and runs is read again, and what differs is named."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from stellwerk.components.deployment.targets import target
from stellwerk.components.deployment.targets.objects import ObjectTarget
from stellwerk.errors import StepFailed, UsageError
from stellwerk.pipelines.verifying import Checked, verify


def flip(path: Path) -> None:
    looks, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(looks.st_atime_ns, looks.st_mtime_ns))


def model_of(project: Path) -> Path:
    return project.parent / "models" / "small-flights"


def run_of(project: Path) -> Path:
    (run,) = (project.parent / "runs" / "small-flights").glob("[0-9]*")
    return run


def only(place: Path | str) -> Checked:
    (found,) = verify(str(place))
    return found


def wrong(place: Path | str) -> list[str]:
    return [f"{one.file} {one.what}" for one in only(place).wrong]


def test_what_was_pushed_and_what_a_run_made_is_as_it_was_written(project: Path):
    for place in (model_of(project), model_of(project) / "1", run_of(project), project.parent / "models"):
        found = only(place)
        assert (found.wrong, found.note) == ((), "")
        assert found.files > 3
    assert [one.kind for one in verify(str(project.parent / "runs"))] == ["run"]
    assert [one.kind for one in verify(str(project.parent / "runs" / "small-flights"))] == ["run"]


@pytest.mark.parametrize("file", ["saved_model.pb", "assets.extra/stellwerk.json", "statistics/train/FeatureStats.pb"])
def test_a_flipped_bit_of_a_version_is_named_by_its_file(project: Path, file: str):
    flip(model_of(project) / "1" / file)
    assert wrong(model_of(project)) == [f"{file} has other bytes"]


def test_a_file_that_is_gone_is_named_and_one_more_harms_nobody(project: Path):
    (model_of(project) / "1" / "README").write_text("ours")
    assert wrong(model_of(project)) == ["README is not part of it"]
    assert not only(model_of(project)).damaged
    shutil.rmtree(model_of(project) / "1" / "variables")
    assert wrong(model_of(project))[1:] == [
        "variables/variables.data-00000-of-00001 is missing",
        "variables/variables.index is missing",
    ]
    assert only(model_of(project)).damaged


@pytest.mark.parametrize("content", ["", "[]", '{"model_digest": 3}', "{" * 10_000])
def test_a_broken_provenance_is_damage(project: Path, content: str):
    (model_of(project) / "1" / "provenance.json").write_text(content)
    assert wrong(model_of(project)) == ["provenance.json cannot be read"]


@pytest.mark.parametrize("key", ["metrics", "context", "model_digest", "files"])
def test_a_provenance_that_was_changed_itself_is_named(project: Path, key: str):
    path = model_of(project) / "1" / "provenance.json"
    told = json.loads(path.read_text())
    told[key] = {"auc": 0.99} if isinstance(told[key], dict) else "0" * 64
    path.write_text(json.dumps(told))
    assert "provenance.json has other bytes" in wrong(model_of(project))
    assert only(model_of(project)).damaged


def test_a_provenance_that_says_the_same_in_another_form_is_whole(project: Path):
    path = model_of(project) / "1" / "provenance.json"
    path.write_text(json.dumps(json.loads(path.read_text())))
    assert wrong(model_of(project)) == []


def test_a_version_from_before_provenance_had_a_digest_of_itself_is_whole(project: Path):
    path = model_of(project) / "1" / "provenance.json"
    told = json.loads(path.read_text())
    del told["provenance_digest"]
    path.write_text(json.dumps(told))
    assert wrong(model_of(project)) == []


def test_a_model_pushed_before_provenance_named_files_is_known_by_one_digest(project: Path):
    path = model_of(project) / "1" / "provenance.json"
    told = json.loads(path.read_text())
    del told["files"], told["provenance_digest"]  # which the first versions had neither of
    path.write_text(json.dumps(told))
    assert wrong(model_of(project)) == []
    flip(model_of(project) / "1" / "saved_model.pb")
    assert wrong(model_of(project)) == ["the model has other bytes"]


def test_of_a_version_that_stellwerk_did_not_push_nobody_knows(project: Path):
    (model_of(project) / "1" / "provenance.json").unlink()
    found = only(model_of(project))
    assert "nobody knows what it should be" in found.note
    assert not found.damaged


@pytest.mark.parametrize(
    "file",
    [
        "ingest/examples/train/part-00000.parquet",
        "ingest/examples/quarantine/rows.jsonl",
        "validate/schema/schema.pbtxt",
        "train/model/variables/variables.index",
        "push/pushed_model/pushed.json",
    ],
)
def test_a_damaged_artifact_of_a_run_is_named(project: Path, file: str):
    path = run_of(project) / file
    path.write_bytes(path.read_bytes() + b" ")
    assert wrong(run_of(project)) == [f"{file} has other bytes"]


def test_a_run_without_digests_of_files_is_known_by_those_of_its_artifacts(project: Path):
    for path in run_of(project).glob("*/digests.json"):
        path.unlink()
    assert wrong(run_of(project)) == []
    flip(run_of(project) / "ingest" / "examples" / "train" / "part-00000.parquet")
    flip(run_of(project) / "validate" / "schema" / "schema.pbtxt")
    assert wrong(run_of(project)) == [
        "ingest/examples/train/part-00000.parquet has other bytes",
        "validate/schema has other bytes",
    ]


def test_a_broken_record_is_damage(project: Path):
    (run_of(project) / "run.json").write_text("{")
    assert wrong(run_of(project)) == ["run.json cannot be read"]


def test_examples_alone_are_what_their_manifest_says(project: Path):
    examples = run_of(project) / "ingest" / "examples"
    assert only(examples).kind == "examples"
    flip(examples / "eval" / "part-00000.parquet")
    assert wrong(examples) == ["eval/part-00000.parquet has other bytes"]


@pytest.mark.parametrize("place", ["nowhere", ".", "hdfs://a/b"])
def test_a_place_with_nothing_of_the_kind_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="Give a version or all versions of a model"):
        list(verify(place))


def test_the_command_says_what_differs_and_ends_with_1_and_the_next_run_mends_it(project: Path, stellwerk):
    assert stellwerk("verify", model_of(project)).stdout.endswith("files as they were written\n")
    flip(model_of(project) / "1" / "saved_model.pb")
    ran = stellwerk("verify", model_of(project))
    assert ran.returncode == 1
    assert f"{model_of(project)}/1  model: saved_model.pb has other bytes (SHA-256 " in ran.stdout
    assert ran.stderr.startswith("1 file is not what was written, of 1 of 1 that were read. Run the pipeline again")
    assert stellwerk("run", project).returncode == 0
    told = json.loads(stellwerk("verify", model_of(project), "--json").stdout)
    assert [bool(one["wrong"]) for one in told["checked"]] == [True, False]
    assert (model_of(project) / "2" / "saved_model.pb").read_bytes() == (
        run_of_newest(project) / "train" / "model" / "saved_model.pb"
    ).read_bytes()


def run_of_newest(project: Path) -> Path:
    return sorted((project.parent / "runs" / "small-flights").glob("[0-9]*"))[-1]


@pytest.mark.parametrize("kind", ["s3", "gcs"])
def test_a_model_in_a_store_is_read_again(project: Path, request: pytest.FixtureRequest, kind: str, tmp_path: Path):
    request.getfixturevalue(f"{kind}_store")
    to, version = f"{'s3' if kind == 's3' else 'gs'}://models/prod", model_of(project) / "1"
    store: Any = target(to, tmp_path, "late")
    assert isinstance(store, ObjectTarget)
    for file in version.rglob("*"):
        if file.is_file():
            store.bucket.upload(f"{store.base}1/{file.relative_to(version).as_posix()}", file)
    assert (wrong(f"{to}/late"), wrong(f"{to}/late/1")) == ([], [])
    flip(version / "saved_model.pb")
    store.bucket.upload(f"{store.base}1/saved_model.pb", version / "saved_model.pb")
    store.bucket.remove([f"{store.base}1/variables/variables.index"])
    assert wrong(f"{to}/late") == ["saved_model.pb has other bytes", "variables/variables.index is missing"]
    with pytest.raises(UsageError, match="no version of a model is there"):
        list(verify(f"{to}/late/2"))
    with pytest.raises(StepFailed, match="no such bucket"):
        list(verify(f"{'s3' if kind == 's3' else 'gs'}://nowhere/late"))
