"""Runs on a cluster are listed, shown, terminated, retried and deleted; doing so again harms nothing."""

from __future__ import annotations

import json

import pytest

from .server import Fault, Scene


@pytest.fixture
def nightly(command, backend, ir) -> str:
    assert command("submit", ir, "-p", "to=m", "--name", "nightly").code == 0
    (run,) = backend.runs
    return run


def test_runs_are_listed_with_the_newest_first(command, backend, ir):
    for name in ("first", "second", "third"):
        assert command("submit", ir, "-p", "to=m", "--name", name).code == 0
    listed = json.loads(command("cluster", "runs", "--limit", 2, "--json").out)
    assert [run["name"] for run in listed] == ["third", "second"]
    assert "second" in command("cluster", "runs").out
    assert json.loads(command("cluster", "runs", "--experiment", "other", "--json").out) == []


def test_more_runs_than_a_page_has_are_all_listed(command, backend, nightly):
    run = backend.runs[nightly]
    for number in range(250):
        copy = {**run, "run_id": f"00000000-0000-0000-0000-{number:012}", "display_name": f"run-{number}"}
        backend.runs[copy["run_id"]] = copy
        from .server import OWNS  # noqa: PLC0415

        OWNS[copy["run_id"]] = ""
    listed = json.loads(command("cluster", "runs", "--limit", 1000, "--json").out)
    assert len({each["run"] for each in listed}) == 251


def test_a_run_is_shown_by_id_name_and_as_the_latest(command, backend, nightly):
    backend.story = [Scene("RUNNING", {"ingest": "SUCCEEDED", "train": "RUNNING"})]
    for named in (nightly, "nightly", "latest"):
        ran = command("cluster", "show", named)
        assert ran.code == 0, ran.err
        assert ran.out.splitlines()[0] == f"{nightly}  nightly  running"
    steps = json.loads(command("cluster", "show", nightly, "--json").out)["steps"]
    assert [(step["name"], step["state"]) for step in steps] == [
        ("ingest", "succeeded"),
        ("train", "running"),
        ("push", "pending"),
    ]


def test_a_pipeline_yaml_that_is_wrong_does_not_keep_from_looking_at_runs(command, backend, nightly, tmp_path):
    (tmp_path / "pipeline.yaml").write_text("name: [")
    assert "nightly" in command("cluster", "runs").out
    named = command("cluster", "runs", "--spec", "pipeline.yaml")
    assert named.code == 2
    assert "pipeline.yaml:1" in named.err


@pytest.mark.parametrize("verb", ["show", "terminate", "retry", "delete", "wait"])
def test_a_run_that_is_not_there_is_told_with_the_one_that_was_meant(command, backend, nightly, verb: str):
    ran = command("cluster", verb, "nigthly")
    assert ran.code == 2
    assert "there is no run 'nigthly'. Did you mean 'nightly'? `stellwerk cluster runs` lists them." in ran.err
    assert command("cluster", verb, "00000000-0000-0000-0000-000000000000").code == 2


def test_a_name_that_two_runs_have_is_refused_with_their_ids(command, backend, ir, nightly):
    assert command("submit", ir, "-p", "to=m", "--name", "nightly").code == 0
    ran = command("cluster", "delete", "nightly")
    assert ran.code == 2
    assert all(run in ran.err for run in backend.runs)


def test_a_run_is_terminated_once(command, backend, nightly):
    backend.faults = [Fault("POST", ":terminate", accepted=True)]
    ran = command("cluster", "terminate", "nightly")
    assert ran.code == 0, ran.err
    assert ran.out.strip() == nightly
    assert backend.runs[nightly]["state"] == "CANCELING"
    assert backend.count("POST", f"/apis/v2beta1/runs/{nightly}:terminate") == 1


def test_a_run_that_has_ended_is_not_terminated(command, backend, nightly):
    backend.runs[nightly]["state"] = "SUCCEEDED"
    ran = command("cluster", "terminate", "nightly")
    assert ran.code == 2
    assert "has succeeded already" in ran.err


def test_a_failed_run_is_retried_once(command, backend, nightly):
    backend.runs[nightly]["state"] = "FAILED"
    backend.faults = [Fault("POST", ":retry", accepted=True, status=503)]
    ran = command("cluster", "retry", "nightly", "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["state"] == "running"
    assert backend.count("POST", f"/apis/v2beta1/runs/{nightly}:retry") == 1


def test_a_run_that_goes_on_is_not_retried(command, backend, nightly):
    ran = command("cluster", "retry", "nightly")
    assert ran.code == 2
    assert "only a run that failed or was canceled is retried" in ran.err


@pytest.mark.parametrize("accepted", [True, False])
def test_a_run_is_deleted_whatever_becomes_of_the_answer(command, backend, nightly, accepted: bool):
    backend.faults = [Fault("DELETE", "/runs/", accepted=accepted, status=503)]
    ran = command("cluster", "delete", "nightly")
    assert ran.code == 0, ran.err
    assert backend.runs == {}
