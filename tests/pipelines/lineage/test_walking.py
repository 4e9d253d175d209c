"""`stellwerk lineage`: from a pushed model back to what made it, and from data forward to its models."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from stellwerk.commands.lineage import lineage
from stellwerk.errors import UsageError


def shown(*arguments: object) -> str:
    result = CliRunner().invoke(lineage, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def told(*arguments: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shown(*arguments, "--json"))
    return found


@pytest.fixture
def model(project: Path) -> Path:
    return project.parent / "models" / "small-flights"


def run_of(project: Path) -> Path:
    (run,) = project.parent.glob("runs/small-flights/[0-9]*")
    return run


def test_a_model_leads_back_to_run_spec_code_hyperparameters_transform_schema_data_and_sources(
    project: Path, model: Path
):
    found = told(model)
    flights = project.parent / "flights.csv"
    manifest = json.loads((run_of(project) / "ingest/examples/dataset.json").read_text())
    made = json.loads((model / "1/assets.extra/stellwerk.json").read_text())
    assert (found["model"], found["version"], found["intact"], found["blessed"]) == ("small-flights", 1, True, True)
    assert (found["run"]["run"], found["run"]["status"]) == (run_of(project).name, "done")
    assert found["run"]["openlineage_run"] == json.loads((run_of(project) / "run.json").read_text())["openlineage_run"]
    assert found["spec"]["state"] == "unchanged"
    assert (found["code"]["here"], len(found["code"]["digest"])) == (True, 64)
    assert found["hyperparameters"]["train"]["epochs"] == 2
    assert found["transform_digest"] == made["transform_digest"]
    assert found["schema_digest"] == made["schema_digest"]
    assert found["data_version"] == manifest["version"]
    digest = hashlib.sha256(flights.read_bytes()).hexdigest()
    source = {"source": "flights", "path": "flights.csv", "sha256": digest, "bytes": flights.stat().st_size}
    assert found["sources"] == [{**source, "stored": "", "state": "unchanged"}]
    assert found["unknown"] == []


def test_the_tree_says_in_words_what_changed_since(project: Path, model: Path):
    assert "source flights: flights.csv" in shown(model / "1")
    assert "unchanged" in shown(model / "1")
    flights = project.parent / "flights.csv"
    flights.write_text(flights.read_text() + "\n")
    project.write_text(project.read_text() + "\n")
    (model / "1" / "saved_model.pb").write_bytes(b"")
    text = shown(model / "1")
    lines = [line for line in text.splitlines() if "CHANGED since" in line]
    assert ["model digest" in lines[0], "spec" in lines[1], "source flights" in lines[2]] == [True] * 3
    flights.unlink()
    assert "GONE" in shown(model / "1")
    assert told(model)["sources"][0]["state"] == "gone"


def test_without_the_runs_folder_provenance_still_leads_to_the_sources(project: Path, model: Path):
    shutil.rmtree(project.parent / "runs")
    moved = model.parents[1].rename(model.parents[1].with_name("moved")) / "models" / "small-flights"
    found = told(moved)
    assert (found["run"]["folder"], found["spec"]["state"]) == (None, "not looked at")
    assert found["sources"][0]["state"] == "unchanged"
    (sentence,) = found["unknown"]
    assert "the spec's text, the logs and the artifacts between the steps are unknown" in sentence
    (version,) = told(moved.parents[1] / "flights.csv", "-C", moved.parents[1])["versions"]
    assert [made["version"] for made in version["models"]] == [1]
    assert version["runs"] == []


def test_a_version_pushed_before_sources_were_kept_finds_them_in_its_run_or_says_they_are_unknown(
    project: Path, model: Path
):
    file = model / "1" / "provenance.json"
    provenance = json.loads(file.read_text())
    del provenance["data"], provenance["code"], provenance["context"]["hooks"], provenance["context"]["openlineage_run"]
    file.write_text(json.dumps(provenance))
    found = told(model)
    assert found["sources"][0]["path"] == "flights.csv"
    assert found["unknown"] == ["The code is unknown: this version was pushed before its digest was kept."]
    shutil.rmtree(project.parent / "runs")
    unknown = told(model)["unknown"]
    assert any(sentence.startswith("The sources are unknown") for sentence in unknown)


def test_a_run_that_provenance_knows_by_another_id_is_found_by_what_it_pushed(project: Path, model: Path):
    file = model / "1" / "provenance.json"
    provenance = json.loads(file.read_text())
    provenance["context"] |= {"run": "1763764301", "spec": "pipeline.yaml"}
    file.write_text(json.dumps(provenance))
    assert told(model)["run"]["folder"] == str(run_of(project))


def test_hooks_are_told_with_their_digests_and_whether_they_changed(project: Path, model: Path):
    file = model / "1" / "provenance.json"
    provenance = json.loads(file.read_text())
    (project.parent / "model.py").write_text("def build(): ...\n")
    digest = hashlib.sha256((project.parent / "model.py").read_bytes()).hexdigest()
    provenance["context"]["hooks"] = {"model.py": digest, "features.py": digest}
    file.write_text(json.dumps(provenance))
    assert told(model)["code"]["hooks"] == {"model.py": [digest, "unchanged"], "features.py": [digest, "gone"]}
    assert f"model.py {digest[:12]}, unchanged" in shown(model)


@pytest.mark.parametrize("how", ["file", "folder", "version", "examples", "run"])
def test_data_leads_forward_to_every_model_made_from_it(project: Path, how: str):
    version = json.loads((run_of(project) / "ingest/examples/dataset.json").read_text())["version"]
    shutil.copytree(project.parent / "models/small-flights/1", project.parent / "models/small-flights/2")
    names = {
        "file": project.parent / "flights.csv",
        "folder": project.parent,
        "version": version[:8],
        "examples": run_of(project) / "ingest" / "examples",
        "run": run_of(project),
    }
    found = told(names[how], "-C", project.parent)
    (data,) = found["versions"]
    assert data["version"] == version
    mine = [Path(made["path"]) for made in data["models"] if made["path"].startswith(str(project.parent))]
    assert [path.name for path in mine] == ["1", "2"]
    assert [use["run"] for use in data["runs"]] == [run_of(project).name]
    assert data["bytes_as_now"] == (True if how in ("file", "folder") else None)


def test_a_source_that_changed_or_is_gone_still_leads_to_what_was_made_from_it(project: Path):
    flights = project.parent / "flights.csv"
    kept = flights.read_bytes()
    flights.write_bytes(kept + b"\n")
    assert told(flights)["versions"][0]["bytes_as_now"] is False
    assert "of bytes that it had before" in shown(flights)
    flights.unlink()
    assert told(flights)["versions"][0]["bytes_as_now"] is None
    (project.parent / "copy.csv").write_bytes(kept)
    assert told(project.parent / "copy.csv")["versions"][0]["bytes_as_now"] is True


def test_a_version_in_a_bucket_is_read_where_it_is(project: Path, model: Path, s3_store: Any):
    for file in sorted(item for item in (model / "1").rglob("*") if item.is_file()):
        name = f"team/small-flights/{file.relative_to(model).as_posix()}"
        s3_store.content.put_object(Bucket="models", Key=name, Body=file.read_bytes())
    uri = "s3://models/team/small-flights"
    found = told(uri)
    assert (found["path"], found["version"], found["intact"]) == (f"{uri}/1", 1, None)
    assert found["run"]["folder"] is not None  # where the spec was
    assert told(f"{uri}/1", "-C", project.parent)["sources"][0]["state"] == "unchanged"
    shutil.rmtree(model)
    used = told(project.parent / "flights.csv", "--models", uri, "--models", "s3://nowhere/small-flights")
    assert f"{uri}/1" in [made["path"] for made in used["versions"][0]["models"]]
    (sentence,) = used["unknown"]
    assert sentence.startswith("Models at s3://nowhere/small-flights are unknown:")


def test_what_nobody_knows_is_told_with_what_may_be_named(project: Path):
    with pytest.raises(UsageError, match=r"neither a pushed model nor data that a run in .*runs used"):
        shown("abcdef123456", "-C", project.parent)


def test_a_damaged_provenance_and_run_are_passed_over(project: Path, model: Path):
    (model / "1" / "provenance.json").write_text("{")
    (run_of(project) / "run.json").write_text("{")
    with pytest.raises(UsageError, match="neither a pushed model"):
        shown(model, "-C", project.parent)
