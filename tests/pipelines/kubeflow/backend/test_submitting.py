"""A pipeline is submitted once, with what it takes, as the API of Kubeflow Pipelines wants it."""

from __future__ import annotations

import json

from .server import Fault

RUNS = "/apis/v2beta1/runs"


def test_a_compiled_pipeline_runs_and_the_dashboard_s_url_is_printed(command, backend, ir):
    ran = command("submit", ir, "-p", "to=models", "-p", "epochs=3")
    assert ran.code == 0, ran.err
    (run,) = backend.runs.values()
    assert ran.out.splitlines() == [run["run_id"], f"{backend.url}/#/runs/details/{run['run_id']}"]
    assert run["runtime_config"]["parameters"] == {"to": "models", "epochs": 3}
    (experiment,) = backend.experiments.values()
    assert experiment["display_name"] == "flight-delays"


def test_a_run_that_was_accepted_without_an_answer_is_found_and_not_sent_again(command, backend, ir):
    backend.faults = [Fault("POST", RUNS, accepted=True, silence=True)]
    ran = command("submit", ir, "-p", "to=models", "--timeout", 0.5, "--json")
    assert ran.code == 0, ran.err
    assert list(backend.runs) == [json.loads(ran.out)["run"]]
    assert backend.count("POST", RUNS) == 1
