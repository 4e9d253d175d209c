"""Whether a run is still going on, and records that are not what they should be."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stellwerk.errors import DamagedWarning
from stellwerk.loading import load
from stellwerk.pipelines.alive import LOCK, hold, is_alive, let_go, mark
from stellwerk.pipelines.graph import graph
from stellwerk.pipelines.runs import RunRecord, all_runs, begin_run, runs_of, sweep

BROKEN = ["", "[]", "3", '{"steps": 3}', "{" * 10_000, '{"run": "a"', "\udcff"]


@pytest.fixture
def began(project: Path) -> RunRecord:
    loaded = load(project)
    return begin_run(loaded, graph(loaded), runs_of(loaded.directory, loaded.spec.name), {})


def test_a_run_goes_on_as_long_as_its_process_holds_its_lock(began: RunRecord):
    assert began.is_going_on
    assert sweep(began.folder.parent) == []
    let_go(began.folder)
    assert not began.is_going_on


def test_a_run_whose_process_has_the_number_of_another_one_is_killed(began: RunRecord):
    let_go(began.folder)
    for pid in (1, os.getppid(), os.getpid()):
        began.pid = pid
        began.save()
        assert not RunRecord.load(began.folder).is_going_on
    (swept,) = sweep(began.folder.parent)
    assert (swept.run, swept.status) == (began.run, "killed")


def test_the_lock_goes_with_its_process_and_not_with_a_child_of_it(tmp_path: Path):
    code = (
        "import os, sys, time; from pathlib import Path; from stellwerk.pipelines.alive import hold\n"
        "hold(Path(sys.argv[1]))\n"
        "if os.fork() == 0: time.sleep(60)\n"
        "print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            assert is_alive(tmp_path, process.pid, None)
            process.kill()
            process.wait()
            deadline = time.monotonic() + 60  # a child that was not yet there gives the lock back when it is
            while is_alive(tmp_path, process.pid, None) and time.monotonic() < deadline:
                time.sleep(0.05)
            assert not is_alive(tmp_path, process.pid, None)
        finally:
            os.killpg(process.pid, 9)


def test_where_no_lock_tells_the_start_of_the_process_does(tmp_path: Path):
    assert is_alive(tmp_path, os.getpid(), mark(os.getpid()))
    assert not is_alive(tmp_path, os.getpid(), "another boot/1")
    assert not is_alive(tmp_path, 2**22 + 1, mark(os.getpid()))


def test_a_record_of_before_there_were_marks_is_known_by_its_number_unless_that_is_the_first_process(tmp_path: Path):
    assert is_alive(tmp_path, os.getpid(), None)
    assert not is_alive(tmp_path, 1, None)


def test_looking_takes_no_lock_away(tmp_path: Path):
    hold(tmp_path)
    for _ in range(3):
        assert is_alive(tmp_path, 1, None)
    with (tmp_path / LOCK).open("rb") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
    let_go(tmp_path)


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_record_counts_as_missing_and_is_named(project: Path, content: str):
    runs = project.parent / "runs" / "small-flights"
    folder = runs / "20990101-000000-0000"
    folder.mkdir()
    (folder / "run.json").write_text(content, errors="surrogateescape")
    with pytest.warns(DamagedWarning, match=r"20990101-000000-0000/run\.json: cannot be read .*counts as missing"):
        assert len(list(all_runs(runs))) == 1


def test_a_broken_record_stops_no_run_and_no_other_command(project: Path, stellwerk):
    folder = project.parent / "runs" / "small-flights" / "20990101-000000-0000"
    folder.mkdir()
    (folder / "run.json").write_text('{"steps": [{"name": 3}], "status": []}')
    for command in ("run", "runs", "clean", "report"):
        ran = stellwerk(command, project)
        assert ran.returncode == 0, ran.stderr
        assert f"warning {folder / 'run.json'}: cannot be read" in ran.stderr
        assert "Traceback" not in ran.stderr


def test_a_record_of_a_later_version_is_read(began: RunRecord):
    told = json.loads((began.folder / "run.json").read_text())
    (began.folder / "run.json").write_text(json.dumps({**told, "of_later": 1}))
    assert RunRecord.load(began.folder).run == began.run
    let_go(began.folder)
