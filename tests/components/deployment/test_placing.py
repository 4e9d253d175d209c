"""Two pushes at once, a killed push, a full disk, a place that may not be written."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from stellwerk.components.artifacts.folders import folder_digest, read_json
from stellwerk.components.calling import call
from stellwerk.components.deployment.placing import place
from stellwerk.errors import StepFailed

SLOW = """
import sys, time, shutil
from pathlib import Path
from stellwerk.components.calling import call
from stellwerk.components.deployment import placing
copy = shutil.copyfile
def slowly(source, target):
    copy(source, target)
    print("copied", flush=True)
    time.sleep(60)
placing.shutil.copyfile = slowly
run = Path(sys.argv[1])
artifacts = {name: run / name for name in ("model", "evaluation", "blessing", "pushed_model")}
call("push", {"name": "late", "push_to": {"to": "models"}, "directory": run.parents[1], "context": {}, **artifacts})
"""


def in_processes(*arguments):
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=call, args=("push", one)) for one in arguments]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    return [process.exitcode for process in processes]


def test_two_models_at_once_become_two_versions(pipeline):
    arguments = [pipeline.arguments(model) for model in ("one", "two", "three")]
    assert in_processes(*arguments) == [0, 0, 0]
    pushed = [read_json(one["pushed_model"] / "pushed.json") for one in arguments]
    assert sorted(one["version"] for one in pushed) == [1, 2, 3]
    for one in pushed:
        assert (
            read_json(pipeline.served / str(one["version"]) / "provenance.json")["model_digest"] == one["model_digest"]
        )


def test_the_same_model_twice_at_once_is_one_version(pipeline):
    arguments = pipeline.arguments("one")
    other = {**arguments, "pushed_model": pipeline.folder / "other"}
    assert in_processes(arguments, other) == [0, 0]
    pushed = [read_json(one["pushed_model"] / "pushed.json") for one in (arguments, other)]
    assert sorted(one["new"] for one in pushed) == [False, True]
    assert pipeline.names() == ["1"]


def test_after_a_killed_push_nothing_half_is_served_and_the_next_one_cleans_up(pipeline):
    arguments = pipeline.arguments("one")
    command = [sys.executable, "-c", SLOW, str(arguments["model"].parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "copied\n"
        process.send_signal(signal.SIGKILL)
    assert pipeline.names() == []
    assert any(path.name.endswith(".part") for path in pipeline.served.iterdir())
    assert pipeline.push("one")["new"]
    assert sorted(path.name for path in pipeline.served.iterdir()) == [".push.lock", "1"]


def test_a_push_waits_for_another_that_is_under_way(pipeline):
    arguments = pipeline.arguments("one")
    command = [sys.executable, "-c", SLOW, str(arguments["model"].parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "copied\n"
        second = multiprocessing.get_context("spawn").Process(target=call, args=("push", pipeline.arguments("two")))
        second.start()
        time.sleep(2)
        assert second.is_alive()
        assert pipeline.names() == []
        first.kill()
    second.join(60)
    assert second.exitcode == 0
    assert pipeline.names() == ["1"]


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of one mebibyte."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("needs root")
    folder = tmp_path / "models"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], check=False).returncode:
        pytest.skip("may not mount")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_leaves_nothing_half_and_what_was_there_stays(pipeline, tiny_disk):
    pipeline.push("one")
    before = folder_digest(pipeline.served)
    with pytest.raises(StepFailed, match=r"late: the disk is full\. Make room\. Nothing was pushed"):
        pipeline.push("seven")
    assert folder_digest(pipeline.served) == before
    assert not (pipeline.folder / "runs" / "seven" / "pushed_model").exists()


def test_a_read_only_target_is_told(pipeline, tiny_disk):
    subprocess.run(["mount", "-o", "remount,ro", tiny_disk], check=True)
    with pytest.raises(StepFailed, match="the file system is read-only"):
        pipeline.push("one")


def test_a_target_without_permission_is_told(pipeline):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    pipeline.served.parent.mkdir()
    pipeline.served.parent.chmod(0o500)
    with pytest.raises(StepFailed, match="may not be written by this user"):
        pipeline.push("one")


def test_a_target_below_a_file_is_told(pipeline):
    (pipeline.folder / "models").write_text("a file")
    with pytest.raises(StepFailed, match="is a file"):
        pipeline.push("one")


def test_a_model_that_changes_while_it_is_copied_is_not_pushed(pipeline):
    model = pipeline.arguments("one")["model"]
    pipeline.served.mkdir(parents=True)
    with pytest.raises(StepFailed, match="the copy of the model differs"):
        place(model, pipeline.served, "0" * 64, {})
    assert pipeline.names() == []
