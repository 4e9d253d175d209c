"""Every run tells OpenLineage's events: into its folder, and where somebody listens."""

from __future__ import annotations

import importlib
import json
import pkgutil
import signal
import socket
from pathlib import Path
from typing import Any

import attr
import pytest
from openlineage.client import generated

from stellwerk.components.lineage.events import FACETS
from stellwerk.components.lineage.sending import typed

STEPS = ["ingest", "validate", "transform", "train", "evaluate", "push"]
PATIENCE = 120.0
PATIENT = {"STELLWERK_LINEAGE_PATIENCE": "500"}
"""What a receiver gets that does answer, on a machine however slow."""


def facet_classes() -> dict[str, Any]:
    """The client's own classes of facets by the name of their schema."""
    found = {}
    for module in pkgutil.iter_modules(generated.__path__):
        for value in vars(importlib.import_module(f"openlineage.client.generated.{module.name}")).values():
            if attr.has(value) and hasattr(value, "_get_schema"):
                found[value._get_schema().rpartition("/")[2]] = value
    return found


def facets_of(event: dict[str, Any]) -> list[dict[str, Any]]:
    datasets = [*event["inputs"], *event["outputs"]]
    groups = [event["run"]["facets"], event["job"]["facets"], *(one["facets"] for one in datasets)]
    groups += [one.get("inputFacets", {}) for one in datasets] + [one.get("outputFacets", {}) for one in datasets]
    return [facet for group in groups for facet in group.values()]


def by_job(told: list[dict[str, Any]]) -> dict[str, list[str]]:
    jobs: dict[str, list[str]] = {}
    for event in told:
        jobs.setdefault(event["job"]["name"], []).append(event["eventType"])
    return jobs


def test_every_event_is_one_for_the_clients_own_classes(finished: Path, events):
    classes = facet_classes()
    told = events(finished)
    for event in told:
        assert typed(event).run.runId == event["run"]["runId"]
        for facet in facets_of(event):
            given = {key: value for key, value in facet.items() if not key.startswith("_")}
            assert classes[facet["_schemaURL"].rpartition("/")[2]](**given)
    used = {key for event in told for facet in (event["run"]["facets"], event["job"]["facets"]) for key in facet}
    assert used <= FACETS.keys()


def test_each_facet_follows_the_version_of_the_specification_that_the_client_knows():
    classes = facet_classes()
    for version, name in FACETS.values():
        assert f"/{version}/" in classes[name]._get_schema()


def test_a_run_has_one_job_and_each_step_one_below_it(finished: Path, events):
    told = events(finished)
    names = ["small-flights", *(f"small-flights.{step}" for step in STEPS)]
    assert by_job(told) == {name: ["START", "COMPLETE"] for name in names}
    (run,) = {event["run"]["runId"] for event in told if event["job"]["name"] == "small-flights"}
    parents = [event["run"]["facets"]["parent"] for event in told if "parent" in event["run"]["facets"]]
    assert {parent["run"]["runId"] for parent in parents} == {run}
    record = json.loads(next(finished.parent.glob("runs/*/[0-9]*/run.json")).read_text())
    assert record["openlineage_run"] == run


def test_what_a_step_reads_another_has_written_down_to_the_sources(finished: Path, events):
    ended = {event["job"]["name"].rpartition(".")[2]: event for event in events(finished) if event["outputs"]}
    written = {
        (one["name"], one["facets"]["version"]["datasetVersion"])
        for event in ended.values()
        for one in event["outputs"]
    }
    (source,) = ended["ingest"]["inputs"]
    assert source["name"] == str(finished.parent / "flights.csv")
    assert source["inputFacets"]["inputStatistics"]["size"] == (finished.parent / "flights.csv").stat().st_size
    for step in STEPS[1:]:
        for dataset in ended[step]["inputs"]:
            assert (dataset["name"], dataset["facets"]["version"]["datasetVersion"]) in written
    assert ended["small-flights"]["outputs"][0]["name"] == str(finished.parent / "models" / "small-flights")


def test_events_hold_schema_statistics_hyperparameters_and_the_spec(finished: Path, events):
    ended = {event["job"]["name"].rpartition(".")[2]: event for event in events(finished) if event["outputs"]}
    (examples,) = ended["ingest"]["outputs"]
    assert {"name": "carrier", "type": "string"} in examples["facets"]["schema"]["fields"]
    assert examples["outputFacets"]["outputStatistics"]["rowCount"] > 5000
    (checked,) = ended["validate"]["inputs"]
    assert checked["inputFacets"]["dataQualityMetrics"]["columnMetrics"]["distance"]["min"] > 0
    given = {one["key"]: one["value"] for one in ended["train"]["run"]["facets"]["executionParameters"]["parameters"]}
    assert given["training.epochs"] == "2"
    assert ended["small-flights"]["job"]["facets"]["sourceCode"]["sourceCode"] == finished.read_text()


def test_a_cached_step_says_from_which_run_it_comes_and_all_arrives_in_order(
    project: Path, stellwerk, receiver, events
):
    (first,) = project.parent.glob("runs/*/[0-9]*")
    environment = {
        "OPENLINEAGE_URL": receiver.url,
        "OPENLINEAGE_API_KEY": "a-key",
        "OPENLINEAGE_NAMESPACE": "team",
    } | PATIENT
    ran = stellwerk("run", project, environment=environment)
    assert ran.returncode == 0, ran.stderr
    assert "lineage" not in ran.stderr
    told = events(project)
    given = {one["key"]: one["value"] for one in told[2]["run"]["facets"]["executionParameters"]["parameters"]}
    assert (told[2]["job"]["name"], given["cached_from"]) == ("small-flights.ingest", first.name)
    keys = [(event["eventType"], event["job"]["namespace"], event["job"]["name"]) for event in told]
    assert [(event["eventType"], event["job"]["namespace"], event["job"]["name"]) for event in receiver.events] == keys
    assert len(keys) == 2 * (1 + len(STEPS))
    assert {namespace for _, namespace, _ in keys} == {"team"}
    assert receiver.keys == {"Bearer a-key"}
    assert receiver.events[-1]["outputs"][0]["facets"]["tags"] == told[-1]["outputs"][0]["facets"]["tags"]


def test_openlineage_yml_is_read_as_its_users_know_it(project: Path, stellwerk, receiver, tmp_path: Path):
    config = tmp_path / "openlineage.yml"
    config.write_text(f"transport: {{type: http, url: '{receiver.url}'}}\n", encoding="utf-8")
    ran = stellwerk("run", project, "--until", "ingest", environment={"OPENLINEAGE_CONFIG": str(config)} | PATIENT)
    assert ran.returncode == 0, ran.stderr
    assert len(receiver.events) == 4
    disabled = {"OPENLINEAGE_CONFIG": str(config), "OPENLINEAGE_DISABLED": "true"}
    assert stellwerk("run", project, "--until", "ingest", environment=disabled).returncode == 0
    assert len(receiver.events) == 4


def test_a_step_that_fails_says_why_and_no_secret(project: Path, stellwerk, events):
    project.write_text(project.read_text().replace("push: {to: models}", 'push: {to: "${STORE}"}'))
    for store in ("hunter2-hunter2", "hunter3-hunter3"):
        (project.parent / store / "small-flights").mkdir(parents=True)
        (project.parent / store / "small-flights" / ".push-1.part").touch()  # only push looks so closely
    for environment in ({"STORE": "hunter2-hunter2"}, {"STORE": "hunter3-hunter3", "STORE_TOKEN": "hunter3-hunter3"}):
        ran = stellwerk("run", project, environment=environment)
        assert ran.returncode == 3
        told = events(project)
        assert by_job(told)["small-flights.push"] == by_job(told)["small-flights"] == ["START", "FAIL"]
        failed = next(
            event for event in told if event["job"]["name"] == "small-flights.push" and "FAIL" in event.values()
        )
        message = failed["run"]["facets"]["errorMessage"]["message"]
        assert "a part of the path is a file" in message
        assert "hunter" not in json.dumps(told)


KILLED_IN_ITS_FIRST_STEP = """
import os, sys
from stellwerk.loading import load
from stellwerk.pipelines.embedded.display import Silent
from stellwerk.pipelines.embedded.runner import run

class Killing(Silent):
    def started(self, step):
        os.kill(os.getpid(), int(sys.argv[2]))

run(load(sys.argv[1]), cache=False, until="ingest", display=Killing())
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_killed_is_aborted_at_the_latest_by_the_next_one(project: Path, stellwerk, warm, events, how):
    before = set(project.parent.glob("runs/*/[0-9]*"))
    command = ["python", "-c", KILLED_IN_ITS_FIRST_STEP, project, int(how)]
    assert warm.run(*command, timeout=PATIENCE).returncode != 0
    (folder,) = set(project.parent.glob("runs/*/[0-9]*")) - before
    if how == signal.SIGKILL:
        assert by_job(events(folder)) == {"small-flights": ["START"], "small-flights.ingest": ["START"]}
        assert stellwerk("run", project, "--until", "ingest").returncode == 0
    told = events(folder)
    assert by_job(told) == {"small-flights": ["START", "ABORT"], "small-flights.ingest": ["START", "ABORT"]}
    assert all(typed(event) for event in told)
    assert told[-1]["job"]["name"] == "small-flights"


def unused_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def lines_of_lineage(text: str) -> list[str]:
    return [line for line in text.splitlines() if "lineage" in line]


def test_a_receiver_that_is_down_is_told_once_and_fails_nothing(project: Path, stellwerk, events):
    url = f"http://user:secret-word@127.0.0.1:{unused_port()}"
    ran = stellwerk("run", project, "--until", "ingest", environment={"OPENLINEAGE_URL": url})
    assert ran.returncode == 0
    (line,) = lines_of_lineage(ran.stderr)
    assert line.startswith("lineage: 4 of 4 OpenLineage events were not delivered to http://127.0.0.1:")
    assert "They are in " in line
    assert "secret-word" not in ran.stderr
    assert len(events(project)) == 4


def test_a_receiver_that_never_answers_holds_nobody_up(project: Path, stellwerk, receiver, events):
    receiver.open.clear()  # it answers only after the run has ended
    ran = stellwerk("run", project, "--until", "ingest", environment={"OPENLINEAGE_URL": receiver.url})
    assert ran.returncode == 0
    (line,) = lines_of_lineage(ran.stderr)
    assert "does not answer in time" in line
    assert len(events(project)) == 4


def test_a_receiver_that_refuses_is_told_with_its_answer(project: Path, stellwerk, receiver):
    receiver.status = 401
    environment = {"OPENLINEAGE_URL": receiver.url, **PATIENT}
    ran = stellwerk("run", project, "--until", "ingest", environment=environment)
    assert ran.returncode == 0
    (line,) = lines_of_lineage(ran.stderr)
    assert "it answered 401" in line
