"""`stellwerk clean`: what goes, what stays and why, and how much of the disk that frees."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stellwerk.__main__ import main
from stellwerk.components.artifacts.folders import write_json
from stellwerk.errors import StepFailed
from stellwerk.loading import load
from stellwerk.pipelines.cache import Cache
from stellwerk.pipelines.cleaning import clean, freed, plan
from stellwerk.pipelines.graph import graph
from stellwerk.pipelines.runs import RunRecord, StepRecord, all_runs, begin_run, locked, sweep

NOW = datetime(2026, 11, 22, tzinfo=UTC)


class Runs:
    """The runs of one pipeline, made without running it: one a day, the first named is the oldest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made = 0

    def make(self, *, key: str = "", data: str = "", status: Any = "done", pid: int = 0) -> RunRecord:
        """Adds a run whose only step has a file of 64 KiB; `key` is its key in the cache, `data` what it made."""
        self.made += 1
        started = NOW - timedelta(days=100) + timedelta(days=self.made)
        folder = self.folder / f"{started:%Y%m%d-%H%M%S}-{self.made:04x}"
        digest = data or f"data {self.made}"
        step = StepRecord("ingest", [], "done", key=key or f"key {self.made}", outputs={"examples": digest})
        record = RunRecord(
            folder=folder,
            name="small",
            spec="pipeline.yaml",
            spec_digest="",
            started=f"{started:%Y-%m-%dT%H:%M:%SZ}",
            steps=[step],
            versions={},
            run=folder.name,
            pid=pid,
            status=status,
        )
        record.save()
        (folder / "ingest").mkdir()
        (folder / "ingest" / "examples").write_bytes(bytes(65536))
        write_json(self.folder / ".cache" / f"{step.key}.json", {"run": record.run})
        return record

    @property
    def left(self) -> list[str]:
        """The runs that are there, oldest first."""
        return [record.run for record in reversed(list(all_runs(self.folder)))]


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "runs" / "small")


def test_the_newest_stay_and_the_cache_forgets_the_others(runs):
    made = [runs.make(data="same").run for _ in range(5)]
    assert len(plan(runs.folder, 2, now=NOW).removed) == 3
    assert runs.left == made  # nothing has gone yet
    clean(runs.folder, 2, now=NOW)
    assert runs.left == made[-2:]
    entries = {json.loads(file.read_text())["run"] for file in (runs.folder / ".cache").glob("*.json")}
    assert entries == set(made[-2:])
    assert sorted(each.name for each in runs.folder.iterdir()) == [".cache", ".lock", *made[-2:]]


def test_of_the_others_only_those_go_that_are_old_enough(runs):
    made = [runs.make(data="same").run for _ in range(90)]
    clean(runs.folder, 3, timedelta(days=50), NOW)
    assert runs.left == made[50:]
    clean(runs.folder, 60, timedelta(days=1), NOW)
    assert runs.left == made[50:]


def test_a_run_that_made_a_model_that_is_still_there_stays(runs, tmp_path):
    pushed, unpushed, again = runs.make(data="same"), runs.make(data="same"), runs.make(data="same")
    for record, version, maker in ((pushed, 1, pushed), (unpushed, 2, unpushed), (again, 1, pushed)):
        path = tmp_path / "models" / "small" / str(version)
        write_json(path / "provenance.json", {"name": "small", "version": version, "context": {"run": maker.run}})
        write_json(record.folder / "push" / "pushed_model" / "pushed.json", {"path": str(path)})
    shutil.rmtree(tmp_path / "models" / "small" / "2")
    runs.make(data="same")
    found = clean(runs.folder, 1, now=NOW)
    assert found.kept == {pushed.run: f"it made {tmp_path}/models/small/1"}
    assert pushed.run in runs.left
    assert not {unpushed.run, again.run} & set(runs.left)


def test_a_run_that_pushed_to_a_store_that_cannot_be_read_stays(runs, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    pushed = runs.make(data="same")
    write_json(pushed.folder / "push" / "pushed_model" / "pushed.json", {"path": "s3://bucket/models/small/1"})
    runs.make(data="same")
    assert plan(runs.folder, 1, now=NOW).kept == {
        pushed.run: "it pushed s3://bucket/models/small/1, which cannot be read"
    }


def test_runs_that_the_next_one_is_compared_with_stay(runs):
    other, newest_of_other = runs.make(data="other"), runs.make(data="other")
    for _ in range(3):
        runs.make(data="new")
    found = plan(runs.folder, 1, now=NOW)
    assert found.kept == {newest_of_other.run: "the next run is compared with it"}
    assert other.folder in {each.path for each in found.removed}


def test_a_run_in_which_the_cache_of_one_that_stays_lies_stays(runs, tmp_path):
    maker = runs.make(key="k", data="same")
    path = tmp_path / "models" / "small" / "1"
    write_json(path / "provenance.json", {"name": "small", "version": 1, "context": {"run": maker.run}})
    write_json(maker.folder / "push" / "pushed_model" / "pushed.json", {"path": str(path)})
    holder = runs.make(key="k", data="same")
    runs.make(data="same")
    assert plan(runs.folder, 1, now=NOW).kept[holder.run] == "the cache of a run that stays is in it"


def test_while_a_run_goes_on_what_it_may_take_from_the_cache_stays(runs):
    old, taken = runs.make(key="k", data="same"), runs.make(key="k", data="same")
    running = runs.make(status="running", pid=os.getpid(), data="same")
    runs.make(data="same")
    scratch = runs.folder / ".scratch" / "train-abc"
    scratch.mkdir(parents=True)
    found = plan(runs.folder, 1, now=NOW)
    assert set(found.kept) == {taken.run, running.run}
    assert [each.path for each in found.removed] == [old.folder]
    assert scratch.is_dir()


def test_what_lies_aside_goes_but_for_where_the_newest_run_stopped(runs):
    stopped = runs.make(status="killed")
    step = StepRecord("train", [], "failed", key="f" * 64)
    stopped.steps.append(step)
    stopped.save()
    for name in (f".scratch/train-{'f' * 32}", ".scratch/train-old", ".objects/abc", ".baselines/def"):
        (runs.folder / name).mkdir(parents=True)
    clean(runs.folder, 10, now=NOW)
    left = sorted(str(each.relative_to(runs.folder)) for each in runs.folder.glob(".*/*"))
    assert left == [".cache/key 1.json", f".scratch/train-{'f' * 32}"]


def test_what_is_hard_linked_frees_nothing_until_its_last_link_goes(runs, tmp_path):
    first, second, third = (runs.make(data="same") for _ in range(3))
    for record in (second, third):
        (record.folder / "ingest" / "examples").unlink()
        os.link(first.folder / "ingest" / "examples", record.folder / "ingest" / "examples")
    shared = (first.folder / "ingest" / "examples").stat().st_blocks * 512
    assert shared >= 65536
    found = plan(runs.folder, 1, now=NOW)
    assert [each.path for each in found.removed] == [second.folder, first.folder]
    assert found.frees < 65536
    assert sum(freed([first.folder, second.folder, third.folder])) >= shared
    assert sum(freed([first.folder, second.folder, third.folder])) < 2 * shared


def test_what_an_interrupted_removal_left_goes_with_the_next(runs):
    runs.make(data="same")
    left = runs.folder / ".removed" / "small-20260101-000000-abcd"
    left.mkdir(parents=True)
    (left / "run.json").write_bytes(bytes(65536))
    found = plan(runs.folder, 10, now=NOW)
    assert [each.path for each in found.removed] == [runs.folder / ".removed"]
    assert found.frees >= 65536
    clean(runs.folder, 10, now=NOW)
    assert not (runs.folder / ".removed").exists()


def test_what_cannot_be_removed_is_told_and_stays_whole(runs):
    old, new = runs.make(data="same"), runs.make(data="same")
    (runs.folder / ".removed").write_text("a file")
    with pytest.raises(
        StepFailed, match=r"\.removed: cannot be removed: File exists\. What was removed before is gone"
    ):
        clean(runs.folder, 1, now=NOW)
    assert runs.left == [old.run, new.run]


class Flock:
    """Stands in front of the real `flock`: says when somebody asks for the lock, and holds back who asks for it alone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = {fcntl.LOCK_EX: threading.Event(), fcntl.LOCK_SH: threading.Event()}
        self.let_go = threading.Event()
        self.real = fcntl.flock
        monkeypatch.setattr(fcntl, "flock", self)

    def __call__(self, file: Any, how: int) -> None:
        self.asked[how].set()
        if how == fcntl.LOCK_EX:
            assert self.let_go.wait(60)
        self.real(file, how)


@pytest.fixture
def begin(make_project, tmp_path) -> Callable[[Path], RunRecord]:
    """Begins a run of a small pipeline in a folder of runs, as an engine does."""
    loaded = load(make_project(tmp_path / "project"))
    return lambda folder: begin_run(loaded, graph(loaded), folder, {})


def test_a_run_that_begins_before_runs_are_removed_keeps_what_it_may_take(runs, begin, monkeypatch):
    holder = runs.make(key="k", data="same")
    runs.make(data="same")
    flock = Flock(monkeypatch)
    with ThreadPoolExecutor() as pool:
        cleaned = pool.submit(clean, runs.folder, 1)
        assert flock.asked[fcntl.LOCK_EX].wait(60)
        begun = begin(runs.folder)
        flock.let_go.set()
        found = cleaned.result(60)
    assert found.removed == ()
    assert found.kept[holder.run] == "the cache of a run that stays is in it"
    assert begun.run in runs.left


def test_a_run_that_begins_while_runs_are_removed_waits_and_finds_the_cache_without_them(runs, begin, monkeypatch):
    old = runs.make(key="k", data="same")
    newest = runs.make(data="same")
    flock = Flock(monkeypatch)
    flock.let_go.set()
    rename, begun = Path.rename, []

    def renamed(path: Path, target: Path) -> Path:
        if path == old.folder:
            flock.asked[fcntl.LOCK_SH].clear()
            begun.append(pool.submit(begin, runs.folder))
            assert flock.asked[fcntl.LOCK_SH].wait(60)
            assert runs.left == [old.run, newest.run]
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", renamed)
    with ThreadPoolExecutor() as pool:
        clean(runs.folder, 1, now=NOW)
        (record,) = (each.result(60) for each in begun)
    assert runs.left == [newest.run, record.run]
    step = graph(load(record.spec)).step("ingest")
    assert Cache(runs.folder).find(step, "k") is None


def test_two_that_remove_at_the_same_time_do_not_disturb_each_other(runs):
    made = [runs.make(data="same").run for _ in range(20)]
    with ThreadPoolExecutor(4) as pool:
        found = [each.result(60) for each in [pool.submit(clean, runs.folder, 3, now=NOW) for _ in range(4)]]
    assert runs.left == made[-3:]
    gone = [each.path.name for one in found for each in one.removed if each.path.name != ".removed"]
    assert sorted(gone) == made[:-3]
    assert not (runs.folder / ".removed").exists()


def test_a_run_that_died_is_not_marked_while_it_is_removed(runs, monkeypatch):
    runs.make(status="running", pid=2**22 + 1)
    flock = Flock(monkeypatch)
    with ThreadPoolExecutor() as pool:
        flock.let_go.set()
        with locked(runs.folder, alone=True):
            flock.asked[fcntl.LOCK_SH].clear()
            swept = pool.submit(sweep, runs.folder)
            assert flock.asked[fcntl.LOCK_SH].wait(60)
            shutil.rmtree(next(runs.folder.glob("2*")))
        assert swept.result(60) == []
    assert runs.left == []


def test_runs_that_begin_in_the_same_second_are_in_the_order_in_which_they_began(runs, begin):
    began = [begin(runs.folder).run for _ in range(20)]
    assert runs.left == began == sorted(set(began))


def test_where_the_file_system_has_no_locks_runs_begin_all_the_same(runs, begin, monkeypatch):
    def refuses(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuses)
    assert runs.left == []
    assert begin(runs.folder).run in runs.left


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["stellwerk", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as left:
            code = int(left.code or 0)
        return (code, *capsys.readouterr())

    return run


def test_the_command_says_what_goes_and_does_it_only_without_dry_run(command, make_project, tmp_path):
    spec = make_project(tmp_path / "project")
    made = Runs(spec.parent / "runs" / "small-flights")
    old, new = made.make(data="same"), made.make(data="same")
    code, out, err = command("clean", spec, "--keep", 1, "--dry-run")
    assert (code, err) == (0, "")
    assert old.run in out.splitlines()[0]
    assert out.splitlines()[-1].startswith("would free 6")
    assert made.left == [old.run, new.run]
    code, out, _ = command("clean", spec, "--keep", 1, "--json")
    told = json.loads(out)
    assert [Path(each["path"]).name for each in told["removed"]] == [old.run]
    assert told["frees"] >= 65536
    assert made.left == [new.run]
    assert command("clean", spec)[:2] == (0, "freed 0 B\n")


def test_an_age_that_is_none_is_told(command, make_project, tmp_path):
    spec = make_project(tmp_path / "project")
    code, _, err = command("clean", spec, "--older-than", "yesterday")
    assert code == 2
    assert "--older-than must be a number and a unit (s, m, h, d, w), e.g. 6h. Received: 'yesterday'." in err


def test_a_run_that_took_all_from_the_cache_is_complete_without_the_one_it_took_it_from(
    command, make_project, stellwerk, tmp_path
):
    spec = make_project(tmp_path / "project")
    for _ in range(2):
        ran = stellwerk("run", spec, "--until", "ingest")
        assert ran.returncode == 0, ran.stderr
    runs = spec.parent / "runs" / "small-flights"
    first, _ = sorted(record.folder for record in all_runs(runs))
    looks = [file.stat() for file in first.rglob("*") if file.is_file()]
    assert any(look.st_nlink == 2 for look in looks)
    assert plan(runs, 1).frees == sum(look.st_blocks * 512 for look in looks if look.st_nlink == 1)
    assert command("clean", spec, "--keep", 1)[0] == 0
    assert not first.exists()
    ran = stellwerk("run", spec, "--until", "ingest")
    assert "ingest     ✓ unchanged, taken from the cache" in ran.stderr
