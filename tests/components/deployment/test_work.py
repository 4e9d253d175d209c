"""The step push: only blessed, never twice, never over another, with what made it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from stellwerk import __version__
from stellwerk.components.artifacts.folders import digests, folder_digest, read_json, write_json
from stellwerk.components.calling import call
from stellwerk.components.deployment.damage import is_sealed
from stellwerk.components.deployment.work import push
from stellwerk.components.lineage.code import code_digest
from stellwerk.errors import GateRefused, StepFailed


def test_a_blessed_model_appears_as_the_first_version_byte_for_byte(pipeline):
    pushed = pipeline.push("one")
    version = pipeline.served / "1"
    model = pipeline.folder / "runs" / "one" / "model"
    assert pushed == {"path": str(version), "version": 1, "model_digest": folder_digest(model), "new": True}
    (version / "provenance.json").rename(pipeline.folder / "provenance.json")
    assert folder_digest(version) == folder_digest(model)


def test_provenance_says_what_made_the_model(pipeline):
    pushed = pipeline.push("one")
    provenance = read_json(pipeline.served / "1" / "provenance.json")
    assert is_sealed(provenance)
    assert len(provenance.pop("provenance_digest")) == 64
    assert provenance.pop("code") == {"stellwerk": __version__, "digest": code_digest()}
    assert provenance == {
        "name": "late",
        "version": 1,
        "model_digest": pushed["model_digest"],
        "trained_digest": pushed["model_digest"],
        "files": digests(pipeline.folder / "runs" / "one" / "model"),
        "model": {"examples_version": "data of one"},
        "metrics": {"auc": 0.8, "accuracy": None},
        "examples": 100,
        "blessing": read_json(pipeline.folder / "runs" / "one" / "blessing" / "blessing.json"),
        "context": {"run": "run of one", "created": "2026-01-01T00:00:00Z"},
    }


def test_another_model_is_the_next_version_and_the_old_one_stays(pipeline):
    pipeline.push("one")
    before = folder_digest(pipeline.served / "1")
    assert pipeline.push("two")["version"] == 2
    assert pipeline.names() == ["1", "2"]
    assert folder_digest(pipeline.served / "1") == before


def test_the_same_model_again_is_the_same_version(pipeline):
    first = pipeline.push("one")
    assert pipeline.push("one") == {**first, "new": False}
    assert pipeline.names() == ["1"]


def test_an_older_model_pushed_again_becomes_the_newest(pipeline):
    pipeline.push("one")
    pipeline.push("two")
    assert pipeline.push("one")["version"] == 3


def test_the_next_number_follows_the_highest_that_is_there(pipeline):
    pipeline.push("one")
    (pipeline.served / "1").rename(pipeline.served / "41")
    (pipeline.served / "1000.tmp").mkdir()
    assert pipeline.push("two")["version"] == 42


def test_a_model_that_is_not_blessed_is_not_pushed_and_the_sentences_say_why(pipeline):
    with pytest.raises(GateRefused, match=r"not blessed.* auc is 0\.8000, below the 0\.9") as refused:
        pipeline.push("one", blessed=False)
    assert "accuracy" not in str(refused.value)
    assert not pipeline.served.exists()
    assert not (pipeline.folder / "runs" / "one" / "pushed_model").exists()


def test_a_folder_without_a_model_is_refused(pipeline):
    arguments = pipeline.arguments("one")
    (arguments["model"] / "saved_model.pb").unlink()
    with pytest.raises(StepFailed, match=r"no saved_model\.pb"):
        call("push", arguments)


@pytest.mark.parametrize("lost", ["blessing/blessing.json", "evaluation/evaluation.json"])
def test_a_lost_file_is_named(pipeline, lost):
    arguments = pipeline.arguments("one")
    (arguments["model"].parent / lost).unlink()
    with pytest.raises(StepFailed, match=lost):
        call("push", arguments)


def test_push_needs_no_tensorflow():
    source = "import sys, stellwerk.components.deployment.work; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", source], check=False).returncode == 0


def flip(path):
    """Changes one bit in the middle of a file, which keeps its size and time."""
    looks, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(looks.st_atime_ns, looks.st_mtime_ns))


def test_a_model_that_was_changed_after_it_was_blessed_is_not_pushed(pipeline):
    arguments = pipeline.arguments("one")
    flip(arguments["model"] / "variables" / "variables.data-00000-of-00001")
    with pytest.raises(GateRefused, match=r"^The blessing is about another model \(SHA-256 .*run again"):
        push(**arguments)
    assert not pipeline.served.exists()


def test_a_blessing_that_names_no_model_blesses_none(pipeline):
    arguments = pipeline.arguments("one")
    write_json(arguments["blessing"] / "blessing.json", {"blessed": True, "requirements": []})
    with pytest.raises(GateRefused, match="is about no model that it names"):
        push(**arguments)
    assert not pipeline.served.exists()


@pytest.mark.parametrize("file", ["variables/variables.data-00000-of-00001", "saved_model.pb"])
def test_a_version_with_a_flipped_bit_is_pushed_again_as_the_next(pipeline, file):
    first = pipeline.push("one")
    flip(pipeline.served / "1" / file)
    again = pipeline.push("one")
    assert (again["version"], again["new"]) == (2, True)
    assert again["model_digest"] == first["model_digest"]
    assert not pipeline.push("one")["new"]


def test_a_version_that_lost_a_file_is_pushed_again_and_one_with_a_file_more_is_not(pipeline):
    pipeline.push("one")
    (pipeline.served / "1" / "README").write_text("ours")
    assert not pipeline.push("one")["new"]
    (pipeline.served / "1" / "variables" / "variables.data-00000-of-00001").unlink()
    assert pipeline.push("one")["version"] == 2
