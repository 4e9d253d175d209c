"""A pipeline is submitted once, with what it takes, as the API of Kubeflow Pipelines wants it."""

from __future__ import annotations

import json
import re
import time
from types import SimpleNamespace

import pytest
import yaml

import stellwerk
from stellwerk.errors import UsageError
from stellwerk.pipelines.kubeflow.submission import Asked

from .judged import compiled
from .server import Fault

RUNS = "/apis/v2beta1/runs"
TO = ("-p", "to=models")


def test_a_compiled_pipeline_runs_and_the_dashboard_s_url_is_printed(command, backend, ir):
    ran = command("submit", ir, "-p", "to=models", "-p", "epochs=3", "--service-account", "trainer")
    assert ran.code == 0, ran.err
    (run,) = backend.runs.values()
    assert ran.out.splitlines() == [run["run_id"], f"{backend.url}/#/runs/details/{run['run_id']}"]
    assert run["runtime_config"]["parameters"] == {"to": "models", "epochs": 3}
    assert run["service_account"] == "trainer"
    assert run["pipeline_spec"] == yaml.load(ir.read_text(), yaml.CSafeLoader)
    (experiment,) = backend.experiments.values()
    assert experiment["display_name"] == "flight-delays"


def test_a_spec_is_compiled_and_its_cluster_section_says_where_it_runs(command, backend, tmp_path):
    (tmp_path / "pipeline.yaml").write_text(
        "name: taxi\ndata: {sources: {trips: trips.csv}}\nfeatures: {fare: {type: number}}\n"
        "target: {column: tips, type: regression}\npush: {to: models}\n"
        f"cluster: {{image: x/y:1, host: '{backend.url}', experiment: fares, service_account: trainer}}\n"
    )
    ran = command("submit", "--json")
    assert ran.code == 0, ran.err
    (run,) = backend.runs.values()
    assert json.loads(ran.out)["run"] == run["run_id"]
    assert run["service_account"] == "trainer"
    assert [each["display_name"] for each in backend.experiments.values()] == ["fares"]


def test_from_python_the_same(backend, ir):
    run = stellwerk.submit(ir, {"to": "models", "hidden": [8, 4]}, name="first", asked=Asked(host=backend.url))
    assert (run.name, run.state) == ("first", "pending")
    assert backend.runs[run.run]["runtime_config"]["parameters"]["hidden"] == [8, 4]


def test_every_type_of_parameter_is_read_as_the_pipeline_says(command, backend, ir):
    given = ["epochs=3", "learning_rate=1", "dry=true", "hidden=[8, 4]", 'sources={"a": "b"}', "to=3"]
    assert command("submit", ir, *(word for text in given for word in ("-p", text))).code == 0
    (run,) = backend.runs.values()
    assert run["runtime_config"]["parameters"] == {
        "epochs": 3,
        "learning_rate": 1.0,
        "dry": True,
        "hidden": [8, 4],
        "sources": {"a": "b"},
        "to": "3",
    }


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (["to=m", "epoch=3"], "the pipeline has no parameter 'epoch'. Did you mean 'epochs'? Known: "),
        (["to=m", "epochs=three"], "-p epochs: is a whole number, and got 'three'."),
        (["to=m", "epochs=2.5"], "-p epochs: is a whole number, and got '2.5'."),
        (["to=m", "learning_rate=NaN"], "-p learning_rate: is a number, and got 'NaN'."),
        (["to=m", "dry=yes"], "-p dry: is true or false, and got 'yes'."),
        (["to=m", "hidden={}"], "-p hidden: is a list as JSON, e.g. [1, 2], and got '{}'."),
        (["to=m", "sources=[]"], "-p sources: is an object as JSON, e.g. {\"a\": 1}, and got '[]'."),
        (["to=m", "to=n"], "-p to is given twice."),
        (["to"], "-p is NAME=VALUE, e.g. epochs=3, and got 'to'."),
        (["epochs=3"], "the pipeline needs parameter 'to', which has no default."),
    ],
)
def test_a_parameter_that_the_pipeline_does_not_take_is_refused_before_anything_is_sent(
    command, backend, ir, parameters: list[str], message: str
):
    ran = command("submit", ir, *(word for text in parameters for word in ("-p", text)))
    assert ran.code == 2
    assert message in ran.err
    assert backend.seen == []


def test_from_python_a_wrong_parameter_is_refused_too(backend, ir):
    with pytest.raises(UsageError, match=r"parameter 'epochs' is a whole number, and got 2\.5"):
        stellwerk.submit(ir, {"to": "m", "epochs": 2.5}, asked=Asked(host=backend.url))
    assert backend.seen == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault("POST", RUNS, accepted=True, silence=True),
        Fault("POST", RUNS, accepted=True),
        Fault("POST", RUNS, accepted=True, status=503),
        Fault("POST", RUNS, accepted=True, status=504),
    ],
    ids=["silence", "a closed connection", "503", "504"],
)
def test_a_run_that_was_accepted_without_an_answer_is_found_and_not_sent_again(command, backend, ir, fault: Fault):
    backend.faults = [fault]
    ran = command("submit", ir, *TO, "--timeout", 0.5, "--json")
    assert ran.code == 0, ran.err
    assert list(backend.runs) == [json.loads(ran.out)["run"]]
    assert backend.count("POST", RUNS) == 1


def test_where_it_cannot_be_looked_for_it_is_said_that_the_run_may_be_there(command, backend, ir):
    assert command("submit", ir, *TO).code == 0
    backend.faults = [Fault("POST", RUNS, accepted=True), *(Fault("GET", RUNS, status=503) for _ in range(50))]
    ran = command("submit", ir, *TO, "--patience", 0.3)
    assert ran.code == 3
    assert "The request may have taken effect: look with `stellwerk cluster runs`" in ran.err
    assert backend.count("POST", RUNS) == 2


def test_an_interrupt_says_that_the_run_may_be_there(command, backend, ir, monkeypatch):
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    backend.faults = [Fault("POST", RUNS, accepted=True)]
    alone = SimpleNamespace(sleep=interrupt, monotonic=time.monotonic)  # other threads sleep on
    monkeypatch.setattr("stellwerk.pipelines.kubeflow.submission.client.time", alone)
    ran = command("submit", ir, *TO)
    assert ran.code == 130
    assert "the run may be there: `stellwerk cluster runs` lists them" in ran.err


def test_two_submissions_of_one_name_are_two_runs_even_where_the_second_gets_no_answer(command, backend, ir):
    assert command("submit", ir, *TO, "--name", "nightly").code == 0
    backend.faults = [Fault("POST", RUNS, accepted=True)]
    assert command("submit", ir, *TO, "--name", "nightly").code == 0
    assert len(backend.runs) == 2
    assert backend.count("POST", RUNS) == 2


def test_a_run_that_was_not_accepted_is_looked_for_and_sent_again(command, backend, ir):
    backend.faults = [Fault("POST", RUNS, status=503)]
    ran = command("submit", ir, *TO)
    assert ran.code == 0, ran.err
    assert len(backend.runs) == 1
    posts = [at for at, (method, path, _) in enumerate(backend.seen) if (method, path) == ("POST", RUNS)]
    between = [(method, path) for method, path, _ in backend.seen[posts[0] + 1 : posts[1]]]
    assert between
    assert set(between) == {("GET", RUNS)}


def test_what_only_reads_is_asked_again_while_kubeflow_is_busy(command, backend, ir):
    backend.faults = [
        Fault("GET", "/experiments", status=503),
        Fault("GET", "/experiments"),
        Fault("GET", "/experiments", status=429, headers={"Retry-After": "0"}),
        Fault("POST", "/experiments", status=503, accepted=True),
    ]
    assert command("submit", ir, *TO).code == 0
    assert len(backend.experiments) == len(backend.runs) == 1


def test_kubeflow_that_stays_busy_is_told_with_how_long_it_was_tried(command, backend, ir):
    backend.faults = [Fault("GET", "/experiments", status=503) for _ in range(50)]
    ran = command("submit", ir, *TO, "--patience", 0.5)
    assert ran.code == 3
    assert f"{backend.url}: is busy or down (HTTP 503). Tried for " in ran.err
    assert backend.runs == {}


def test_nothing_is_taken_from_the_cache_where_that_is_asked_for(command, backend, ir):
    assert command("submit", ir, *TO, "--no-cache", "--pipeline-root", "gs://runs").code == 0
    (run,) = backend.runs.values()
    tasks = run["pipeline_spec"]["root"]["dag"]["tasks"]
    assert [task["cachingOptions"] for task in tasks.values()] == [{}, {}, {}]
    assert run["runtime_config"]["pipeline_root"] == "gs://runs"


@pytest.mark.parametrize(("root", "said"), [("/data/runs", "is no store"), ("gs://", "names no bucket")])
def test_a_root_that_kubeflow_does_not_know_is_refused_before_anything_is_sent(command, backend, ir, root, said):
    ran = command("submit", ir, *TO, "--pipeline-root", root)
    assert ran.code == 2
    assert f"--pipeline-root: {said}" in ran.err
    assert backend.seen == []


def test_settings_of_kubernetes_travel_beside_the_pipeline(command, backend, ir):
    platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {}}}}}
    ir.write_text(ir.read_text() + "---\n" + yaml.safe_dump(platform))
    assert command("submit", ir, *TO).code == 0
    (run,) = backend.runs.values()
    assert run["pipeline_spec"]["platform_spec"] == platform
    assert run["pipeline_spec"]["pipeline_spec"]["pipelineInfo"]["name"] == "flight-delays"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text + "}", "is no YAML"),
        (lambda text: text.replace("  name: flight-delays", "  title: flight-delays"), "pipelineInfo.name"),
        (lambda text: text.replace("producerTask: ingest", "producerTask: ingets"), "Did you mean 'ingest'?"),
        (lambda text: "apiVersion: pipelines.kubeflow.org/v2beta1\nkind: PipelineVersion\n", "`kubectl apply` takes"),
    ],
)
def test_an_ir_that_was_broken_by_hand_is_refused_before_anything_is_sent(command, backend, ir, change, message: str):
    ir.write_text(change(ir.read_text()))
    ran = command("submit", ir, *TO)
    assert ran.code == 2
    assert message in ran.err
    assert backend.seen == []


def test_what_the_backend_refuses_is_told_in_its_words(command, backend, ir):
    said = {"code": 3, "message": "InvalidInputError: no", "details": [{"message": "this pipeline is not supported"}]}
    backend.faults = [Fault("POST", RUNS, status=400, body=json.dumps(said).encode())]
    ran = command("submit", ir, *TO)
    assert ran.code == 3
    assert f"{backend.url}: refused (HTTP 400): this pipeline is not supported." in ran.err


def test_a_name_that_kubeflow_could_not_keep_is_refused_before_anything_is_sent(command, backend, ir):
    for verb in (("submit",), ("schedule", "--every", "6h")):
        for name in ("", "n" * 256):
            ran = command(*verb, ir, *TO, "--name", name)
            assert ran.code == 2
            assert "a name has 1 to 255 letters" in ran.err
    assert "1 to 128 letters" in command("submit", ir, *TO, "--experiment", "e" * 129).err
    assert backend.seen == []


def test_what_is_written_beside_a_run_is_short_enough(command, backend, ir):
    long = ir.rename(ir.with_name("n" * 200 + ".yaml"))
    assert command("schedule", long, *TO, "--every", "6h").code == 0
    (made,) = backend.schedules.values()
    assert len(made["description"]) == 255
    assert "n … Submitted by Stellwerk as " in made["description"]
    assert "nothing has changed" in command("schedule", long, *TO, "--every", "6h").err


def test_a_description_says_what_the_pipeline_is_and_ends_in_the_mark(command, backend, ir, tmp_path):
    assert command("submit", compiled("flat", tmp_path)).code == 0
    assert command("submit", ir, *TO).code == 0
    first, second = (run["description"] for run in backend.runs.values())
    mark = r"Submitted by Stellwerk as [0-9a-f-]{36}"
    assert re.fullmatch(rf"Predicts 'late' \(binary\) from 9 features\. {mark}", first)
    assert re.fullmatch(rf"Pipeline 'flight-delays', from ir\.yaml\. {mark}", second)


def test_a_spec_s_run_is_described_by_what_it_predicts(command, backend, tmp_path):
    (tmp_path / "pipeline.yaml").write_text(
        "name: taxi\ndata: {sources: {trips: trips.csv}}\nfeatures: {fare: {type: number}}\n"
        "target: {column: tips, type: regression}\ncluster: {image: x/y:1}\n"
    )
    assert command("submit").code == 0
    (run,) = backend.runs.values()
    assert run["description"].startswith("Predicts 'tips' (regression) from one feature.")


def test_set_does_not_go_with_a_compiled_pipeline(command, ir):
    ran = command("submit", ir, "--set", "train.epochs=1")
    assert ran.code == 2
    assert "is compiled already" in ran.err
