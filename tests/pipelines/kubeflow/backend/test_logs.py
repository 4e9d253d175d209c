"""Of a step that failed its own error is told, out of a log in which KFP's executor, its launcher and Argo write too."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.warm.asking import Warm

from stellwerk.components.decisions import answer
from stellwerk.pipelines.kubeflow.submission.logs import refusals, said

from .argo import Did
from .server import Scene

WAIT = ("-p", "to=m", "--wait", "--poll-seconds", 0.01)
CODE = "main: Error (exit code 1)"
INPUT = {
    "inputs": {"parameterValues": {"epochs": 3}},
    "outputs": {"outputFile": "/tmp/kfp_outputs/output_metadata.json"},
}
BEFORE = """\
time=2026-11-21T22:00:00.000Z level=INFO msg="Starting Workflow Executor" argo=true version=v4.0.5
I1121 22:00:01.000001      12 main.go:62] Setting log level to: '1'
I1121 22:00:01.000002      12 launcher_v2.go:867] Executing uploadOutputArtifacts attempt: 1
"""
AFTER = """\
E1121 22:00:09.000001      12 launcher_v2.go:449] Component failed to execute successfully: exit status 1
I1121 22:00:09.000002      12 launcher_v2.go:206] publish success.
F1121 22:00:09.000003      12 main.go:50] failed to execute component: exit status 1
time=2026-11-21T22:00:09.000Z level=INFO msg="sub-process exited" argo=true error="exit status 1"
Error: exit status 1
"""


@pytest.fixture
def executed(tmp_path: Path, warm: Warm) -> Callable[[str], str]:
    """What a pod writes whose step has this body: KFP's own executor runs it, as the launcher starts it."""
    program = tmp_path / "ephemeral.py"

    def run(body: str) -> str:
        lines = "\n".join(f"    {line}" for line in body.splitlines())
        program.write_text(f"import stellwerk.errors as errors\ndef train(epochs: int):\n{lines}\n")
        command = ["-m", "kfp.dsl.executor_main", "--component_module_path", program]
        asked = ["--executor_input", json.dumps(INPUT), "--function_to_execute", "train"]
        ran = warm.run("python", *command, *asked, stderr=subprocess.STDOUT)
        assert ran.returncode == 1
        assert "[KFP Executor " in ran.stdout
        assert '"parameterValues"' in ran.stdout
        return f"{BEFORE}{ran.stdout}{AFTER}"

    return run


@pytest.fixture
def fails(command, backend, ir):
    """Follows a run whose step `train` fails and has written this log."""

    def run(log: str, message: str = CODE, *options: object):
        failed = Scene.of(ir, "FAILED", {"train": Did("failed", message)})
        backend.story = [failed]
        backend.logs = {failed.workflow.pod("train"): log}
        ran = command("submit", ir, *WAIT, *options)
        return ran, ran.err[ran.err.index("run ") :] if "run " in ran.err else ""

    return run


def test_the_product_s_own_error_is_all_that_is_told(fails, backend, executed):
    log = executed("print('reading')\nraise errors.DataError('flights.csv:3: is no number.\\nReceived: x.')")
    ran, told = fails(log)
    assert ran.code == 3
    run = ran.out.splitlines()[0]
    expected = f"run {run}: step 'train' failed: flights.csv:3: is no number.\nReceived: x.\n{backend.url}/#/runs/details/{run}"
    assert told.strip() == expected


def test_a_gate_that_refused_is_told_from_a_step_that_failed_and_ends_with_1(fails, backend, executed):
    rows = "\\n".join(f"auc of carrier {number} is 0.6" for number in range(40))
    log = executed(f"raise errors.GateRefused('40 requirements are not met:\\n{rows}')")
    ran, told = fails(log, CODE, "--log-lines", 2)
    assert ran.code == 1
    assert "step 'train' refused: 40 requirements are not met:\nauc of carrier 0 is 0.6\n" in told
    assert f"auc of carrier 39 is 0.6.\n{backend.url}" in told


def test_an_error_that_came_of_another_one_is_told_alone(fails, executed):
    log = executed(
        "try:\n    {}['x']\nexcept KeyError as error:\n    raise errors.HookError('hooks.py: lacks x.') from error",
    )
    _, told = fails(log)
    assert "step 'train' failed: hooks.py: lacks x.\n" in told
    assert "KeyError" not in told
    assert "Traceback" not in told


def test_of_any_other_error_the_last_line_of_the_traceback_comes_first(fails, executed):
    log = executed("print('epoch 1')\nraise MemoryError('no room for 3 GB')")
    ran, told = fails(log)
    assert ran.code == 3
    assert told.splitlines()[0].endswith("step 'train' failed: MemoryError: no room for 3 GB. The end of its log:")
    assert told.splitlines()[1] == "  epoch 1"
    assert "  Traceback (most recent call last):\n" in told
    for others in ("KFP Executor", "parameterValues", '"outputs"', "launcher_v2", "level=INFO", "exit status", "  }"):
        assert others not in told, others


def test_what_the_cluster_says_is_told_beside_the_error_where_it_says_more_than_a_code(fails, executed):
    log = executed("raise MemoryError('no room')")
    _, told = fails(log, "main: OOMKilled (exit code 137)")
    assert "step 'train' failed: MemoryError: no room, main: OOMKilled (exit code 137). The end" in told


def test_what_the_launcher_ended_with_is_told_where_the_step_itself_did_not_fail(fails):
    lost = 'failed to upload output artifact "model" to remote storage URI "minio://mlpipeline/model": no space left'
    output = (
        'I1121 22:00:08.000001      12 launcher_v2.go:1230] ExecutorOutput: {\n\t"artifacts": {\n\t\t"a": 1\n\t}\n}\n'
    )
    _, told = fails(
        f"{BEFORE}epoch 1\n{output}F1121 22:00:09.000003      12 main.go:50] {lost}\nError: exit status 1\n"
    )
    assert f"step 'train' failed: {lost}. The end of its log:\n  epoch 1\n" in told
    assert "ExecutorOutput" not in told
    assert '"a"' not in told


def test_a_message_that_ends_a_sentence_gets_no_second_full_stop(fails):
    _, told = fails("epoch 1\n", "The node was low on resource: memory.")
    assert "failed: The node was low on resource: memory. The end of its log:" in told


def test_as_json_the_log_has_what_the_step_wrote_before_its_error(fails, executed):
    ran, _ = fails(executed("print('reading', flush=True)\nraise errors.DataError('no rows.')"), CODE, "--json")
    told = json.loads(ran.out)
    assert told["why"] == "step 'train' failed: no rows."
    assert told["log"] == ["reading"]


def test_a_log_that_is_cut_within_kfp_s_own_json_begins_after_it():
    log = ['        "uri": "s3://bucket/model"', "    }", "}", "epoch 1", "epoch 2"]
    assert said(log, 10).tail == ("epoch 1", "epoch 2")
    assert said(["  a", "  b"], 10).tail == ("  a", "  b")
    assert said(
        ["[KFP Executor 2026-11-21 22:00:01,000 INFO]: Got executor_input:", "{", '    "inputs": {'], 10
    ).tail == (
        "{",
        '    "inputs": {',
    )


def test_a_gate_s_sentences_are_read_wherever_a_line_begins_and_each_once():
    log = ["stellwerk: refused: auc is 0.6 and should be 0.7.", "I refused nothing", "x stellwerk: refused: b. ", "b."]
    assert refusals([*log, log[0]]) == ["auc is 0.6 and should be 0.7.", "b."]


def test_what_the_gates_write_is_what_is_read(tmp_path, capsys):
    rows = [{"ok": False, "sentence": "auc is 0.6840,\n0.016 below."}, {"ok": True, "sentence": "b is met."}]
    (tmp_path / "blessing.json").write_text(json.dumps({"blessed": False, "requirements": rows}))
    assert answer(tmp_path / "blessing.json", "blessed") is False
    assert refusals(capsys.readouterr().out.splitlines()) == ["auc is 0.6840, 0.016 below."]


@pytest.mark.parametrize("retried", [False, True])
def test_a_driver_that_fails_is_its_step_s_failure_with_what_it_says(command, backend, ir, retried: bool):
    """What it would have started, Argo omits: the API has no state of it."""
    failed = Scene.of(ir, "FAILED", {"train": Did("driver-failed", CODE)}, retried=retried)
    backend.story = [failed]
    said_so = "KFP driver: driver.Container(pipelineName=flight-delays) failed: failed to resolve inputs: no artifact"
    log = f"I1121 22:00:01.000001       1 main.go:119] Setting log level to: '1'\nF1121 22:00:02.000002       1 main.go:127] {said_so}\n"
    backend.logs = {failed.workflow.driver("train"): log}
    ran = command("submit", ir, *WAIT)
    assert ran.code == 3
    assert f"step 'train' failed: {said_so}." in ran.err
    assert "push         skipped" in ran.err
