"""Run folders: `runs/<name>/<run>/` beside the spec, with one `run.json` that says what happened."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import os
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from stellwerk.components.artifacts.folders import read_json, write_json
from stellwerk.errors import DamagedWarning, UsageError, did_you_mean
from stellwerk.pipelines.alive import LOCK, NO_LOCKS, hold, is_alive, mark
from stellwerk.steps import maker

if TYPE_CHECKING:
    from stellwerk.loading import LoadedSpec
    from stellwerk.pipelines.graph import Graph

DIGESTS = "digests.json"
"""File beside the artifacts of a step: the SHA-256 of each file of each of them."""
TABLES = ".tables"
"""Folder beside the runs for tables that Python gave in the place of a source: Parquet files by the digest of their bytes."""

StepStatus = Literal["waiting", "running", "done", "cached", "refused", "failed", "skipped"]
RunStatus = Literal["running", "done", "refused", "failed", "killed"]


@dataclass
class StepRecord:
    """What happened to one step of a run."""

    name: str
    after: list[str]
    status: StepStatus = "waiting"
    started: float | None = None
    """Seconds since the run began."""
    waited: float | None = None
    """Seconds from there until the libraries of the step were loaded."""
    seconds: float | None = None
    """Seconds of the step itself, without `waited`."""
    cpu_seconds: float | None = None
    peak_memory: int | None = None
    """Largest resident set of the step's process, bytes; shared pages count."""
    rows: int | None = None
    key: str | None = None
    cached_from: str | None = None
    error: str | None = None
    inputs: dict[str, str] = field(default_factory=dict)
    """Digest of each input artifact."""
    outputs: dict[str, str] = field(default_factory=dict)
    """Digest of each output artifact."""


@dataclass
class RunRecord:
    """What happened in one run; kept in `run.json`, which is rewritten whenever something changes."""

    folder: Path
    name: str
    spec: str
    spec_digest: str
    started: str
    steps: list[StepRecord]
    versions: dict[str, str]
    run: str
    pid: int
    status: RunStatus = "running"
    exit_code: int | None = None
    error: str | None = None
    finished: str | None = None
    process: str | None = None
    """What no other process has with the same number, see `alive.mark`."""
    openlineage_run: str | None = None
    """UUID of the run in OpenLineage's events."""

    def step(self, name: str) -> StepRecord:
        """Returns the record of the step called `name`. Raises KeyError where the run has none."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)

    def output(self, step: str, artifact: str) -> str | None:
        """Returns the digest of an artifact; None where the run has not made it."""
        return next((one.outputs.get(artifact) for one in self.steps if one.name == step), None)

    def digest(self, artifact: str) -> str | None:
        """Returns the digest of an artifact, whichever step makes it; None where the run has not made it."""
        return self.output(maker(artifact), artifact)

    @property
    def is_going_on(self) -> bool:
        """Whether its process is there, and has not come to the end of it."""
        return self.status == "running" and is_alive(self.folder, self.pid, self.process)

    def blessed_model(self) -> str | None:
        """Returns the digest of the model that passed every gate in this run; None when there is none."""
        passed = self.status == "done" and any(step.name == maker("blessing") for step in self.steps)
        return self.digest("model") if passed else None

    def artifact(self, step: str, artifact: str) -> Path:
        """Returns where an artifact of a step is, or would be."""
        return self.folder / step / artifact

    def made(self, artifact: str) -> Path:
        """Returns where an artifact is, or would be, whichever step makes it."""
        return self.artifact(maker(artifact), artifact)

    def save(self) -> None:
        """Writes `run.json`, whole or not at all."""
        record = asdict(self)
        del record["folder"]
        write_json(self.folder / "run.json", record)

    @classmethod
    def load(cls, folder: Path) -> RunRecord:
        """Reads the record of the run in `folder`. Raises OSError or ValueError for one that is not what it should be."""
        told = read_json(folder / "run.json")
        if not isinstance(told, dict):
            raise ValueError("it holds no record")
        record: RunRecord = _records().validate_python({**told, "folder": folder})
        return record


@functools.cache
def _records() -> Any:
    from pydantic import TypeAdapter  # noqa: PLC0415 - only who reads a record needs it

    return TypeAdapter(RunRecord)


def now() -> str:
    """Returns the present moment in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def new_run_folder(runs: Path) -> Path:
    """Makes the folder of a new run: its name sorts by time, to 1/65,536 of a second, and is unique.

    Only its owner can look into it: it holds samples of the data, and the calls of the steps with the addresses of the sources.
    """
    while True:
        moment = datetime.now(UTC)
        folder = runs / f"{moment:%Y%m%d-%H%M%S}-{moment.microsecond * 65_536 // 1_000_000:04x}"
        with contextlib.suppress(FileExistsError):  # of a run that began at the same moment
            folder.mkdir(parents=True, mode=0o700)
            return folder


@contextlib.contextmanager
def locked(runs: Path, *, alone: bool = False) -> Iterator[None]:
    """Keeps runs that begin and what removes runs apart while the block runs: many of the one, or one of the other.

    Waits where that is so. The lock goes with the process, however it ends; where the file system has none there is none.
    """
    runs.mkdir(parents=True, exist_ok=True)
    with (runs / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
        yield


def begin_run(loaded: LoadedSpec, steps: Graph, runs: Path, versions: dict[str, str]) -> RunRecord:
    """Makes the folder of a new run with the spec in it, and returns its record, in which every step waits.

    The record is written: from now on nothing is removed that the run may take from those before it.
    """
    with locked(runs):
        record = _new_run(loaded, steps, runs, versions)
        hold(record.folder)
        record.save()
    return record


def _new_run(loaded: LoadedSpec, steps: Graph, runs: Path, versions: dict[str, str]) -> RunRecord:
    folder = new_run_folder(runs)
    (folder / "spec.yaml").write_text(loaded.text, encoding="utf-8")
    return RunRecord(
        folder=folder,
        name=loaded.spec.name,
        spec=str(loaded.path.resolve()),
        spec_digest=hashlib.sha256(loaded.spec.model_dump_json(by_alias=True).encode()).hexdigest(),
        started=now(),
        steps=[StepRecord(step.name, list(step.after)) for step in steps.steps],
        versions=versions,
        run=folder.name,
        pid=os.getpid(),
        process=mark(os.getpid()),
    )


def runs_of(loaded_directory: Path, name: str) -> Path:
    """Returns the folder that holds the runs of the pipeline `name`, beside its spec."""
    return loaded_directory / "runs" / name


def all_runs(runs: Path) -> Iterator[RunRecord]:
    """Yields the runs in a folder, newest first. One whose record is damaged is passed over, with a DamagedWarning that names it."""
    if not runs.is_dir():
        return
    for folder in sorted(runs.iterdir(), reverse=True):
        try:
            yield RunRecord.load(folder)
        except (FileNotFoundError, NotADirectoryError):  # no run, or one that is just being removed
            continue
        except (OSError, ValueError, RecursionError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            message = f"{folder / 'run.json'}: cannot be read ({reason}); the run counts as missing. Restore it, or remove the folder."
            warnings.warn(message, DamagedWarning, stacklevel=2)


def find_run(runs: Path, wanted: str | None) -> RunRecord:
    """Returns the run whose id starts with `wanted`, or the newest. Raises UsageError when there is none."""
    known = list(all_runs(runs))
    if not known:
        raise UsageError(f"{runs}: no runs yet. Start one with `stellwerk run`.")
    if wanted is None:
        return known[0]
    found = [record for record in known if record.run.startswith(wanted)]
    if not found:
        names = [record.run for record in known]
        raise UsageError(f"{runs}: no run '{wanted}'.{did_you_mean(wanted, names)} The newest is {names[0]}.")
    return found[0]


def sweep(runs: Path) -> list[RunRecord]:
    """Marks runs whose process died as killed, and removes what they left half-written; returns them."""
    if not runs.is_dir():
        return []
    with locked(runs):
        return list(_swept(runs))


def _swept(runs: Path) -> Iterator[RunRecord]:
    for record in all_runs(runs):
        if record.status != "running" or record.is_going_on:
            continue
        for part in record.folder.rglob(".*.part"):
            shutil.rmtree(part, ignore_errors=True) if part.is_dir() else part.unlink(missing_ok=True)
        for step in record.steps:
            if step.status in ("running", "waiting"):
                step.status = "failed" if step.status == "running" else "skipped"
        record.status, record.finished = "killed", now()
        record.error = "the process was killed; run again to continue where it stopped"
        record.save()
        yield record
