"""What a rehearsal means for the push: a refused model stays, a pushed one carries its rehearsal with it."""

from __future__ import annotations

import pytest

from stellwerk.components.artifacts.folders import folder_digest, read_json, write_json
from stellwerk.components.calling import call
from stellwerk.errors import GateRefused
from stellwerk.loading import load
from stellwerk.pipelines.graph import graph

SPEC = """\
name: flights
data: {sources: {flights: flights.csv}}
features: {distance: {type: number}}
target: {column: late, type: binary}
push: {to: models}
"""


@pytest.fixture
def push(tmp_path):
    """Pushes a model with this rehearsal; returns the folder that it is pushed to."""

    def run(rehearsal):
        write_json(tmp_path / "model" / "assets.extra" / "stellwerk.json", {})
        (tmp_path / "model" / "saved_model.pb").write_bytes(b"model")
        write_json(tmp_path / "evaluation" / "evaluation.json", {"slices": []})
        about = {"model_digest": folder_digest(tmp_path / "model")}
        write_json(tmp_path / "blessing" / "blessing.json", {"blessed": True, "requirements": [], **about})
        write_json(tmp_path / "rehearsal" / "rehearsal.json", {**about, **rehearsal})
        names = ("model", "evaluation", "blessing", "rehearsal", "pushed_model")
        artifacts = {name: str(tmp_path / name) for name in names}
        given = {"name": "late", "push_to": {"to": "served"}, "directory": str(tmp_path), "context": {}}
        call("push", {**given, **artifacts})
        return tmp_path / "served" / "late"

    return run


def test_a_model_that_did_not_pass_is_not_pushed_and_the_sentences_say_why(push, tmp_path):
    rows = [{"ok": False, "sentence": "p99_ms is 80."}, {"ok": True, "sentence": "All is well."}]
    with pytest.raises(
        GateRefused, match=r"^The model did not pass its rehearsal, so it is not pushed\. p99_ms is 80\.$"
    ):
        push({"rehearsed": True, "passed": False, "requirements": rows})
    assert not (tmp_path / "served").exists()


def test_the_rehearsal_is_part_of_what_is_known_of_a_pushed_model(push):
    said = {"rehearsed": True, "passed": True, "requirements": [], "scaling": []}
    assert read_json(push(said) / "1" / "provenance.json")["rehearsal"].items() >= said.items()


def test_a_rehearsal_of_another_model_pushes_nothing(push, tmp_path):
    said = {"rehearsed": True, "passed": True, "requirements": [], "model_digest": "0" * 64}
    with pytest.raises(GateRefused, match=r"^The rehearsal is about another model \(SHA-256 000000000000\)"):
        push(said)
    assert not (tmp_path / "served").exists()


def test_a_rehearsal_is_between_evaluate_and_push_only_where_the_spec_asks_for_it(tmp_path):
    (tmp_path / "flights.csv").write_text("distance,late\n1,0\n2,1\n")
    (tmp_path / "pipeline.yaml").write_text(SPEC)
    without = graph(load(tmp_path / "pipeline.yaml"))
    assert [step.name for step in without.steps][-2:] == ["evaluate", "push"]
    asked = graph(load(tmp_path / "pipeline.yaml", ["push.rehearse={max_memory: 1G}"]))
    assert [step.name for step in asked.steps][-3:] == ["evaluate", "rehearse", "push"]
    assert asked.step("rehearse").after == ("ingest", "train", "evaluate")
    assert "rehearse" in asked.step("push").after
    assert asked.step("rehearse").parameters["settings"]["max_memory"] == "1G"
