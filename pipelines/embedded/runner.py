"""Walks the graph: what is cached is linked, what is ready runs, independent steps run side by side."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from pathlib import Path
from typing import Any

from stellwerk.components.artifacts.file_states import State, difference, state
from stellwerk.components.artifacts.folders import folder_digest, write_json
from stellwerk.components.ingestion.files import origins
from stellwerk.components.ingestion.identity import keyed, names_in
from stellwerk.components.lineage.code import text_digests
from stellwerk.errors import GateRefused, StellwerkError, StepFailed
from stellwerk.loading import LoadedSpec
from stellwerk.pipelines.cache import Cache, Hit, key, library_versions
from stellwerk.pipelines.embedded.display import Display
from stellwerk.pipelines.embedded.previous_artifacts import baseline, previous_statistics
from stellwerk.pipelines.embedded.workers import Event, Workers
from stellwerk.pipelines.engine import Walk, keep_digests, walked
from stellwerk.pipelines.graph import Graph, Step, graph, hook_environment
from stellwerk.pipelines.runs import DIGESTS, RunRecord, StepRecord, begin_run, now
from stellwerk.steps import maker

HEARTBEAT_SECONDS = 0.5
INTERRUPTED = "interrupted; run again to continue where it stopped"


def run(
    loaded: LoadedSpec,
    *,
    cache: bool = True,
    start_from: str | None = None,
    until: str | None = None,
    display: Display | None = None,
    workers: Workers | None = None,
) -> RunRecord:
    """Runs a pipeline on this machine and returns what happened; a report is written however it ends.

    Steps whose inputs, parameters, code, hooks and libraries are unchanged are taken from the cache, so a run that failed
    or was killed continues where it stopped. `cache=False` runs everything again, `start_from` that step and all after
    it. `until` runs only what that step needs, and that step. `workers` is a warm process that the caller has started and
    ends; by default there is one for as long as the run.

    Raises GateRefused when a gate said no, StepFailed when a step could not do its work; the run folder and the report
    are complete by then. KeyboardInterrupt stops all steps, keeps what was finished, and is raised again.
    """
    steps = graph(loaded)
    if until is not None:
        steps = steps.until(until)
    again = set() if cache else {step.name for step in steps.steps}
    if start_from is not None:
        again = steps.from_step(start_from)

    def begin(runs: Path, told: Display) -> Walk:
        return _Walk(loaded, steps, runs, again, told, workers=workers)

    return walked(loaded, steps, begin, display, interrupted=INTERRUPTED)


class _Walk:
    """One run: the record of what happened so far, and what is to be done next."""

    def __init__(
        self,
        loaded: LoadedSpec,
        steps: Graph,
        runs: Path,
        again: set[str],
        display: Display,
        *,
        workers: Workers | None,
    ) -> None:
        self.loaded, self.graph, self.runs, self.again, self.display = loaded, steps, runs, again, display
        self.workers = workers
        self.cache = Cache(runs)
        self.record = begin_run(loaded, steps, runs, library_versions())
        self.began = time.monotonic()
        self.problem: StellwerkError | None = None
        self.expected: dict[str, list[str]] = {}
        """What stands in the key of the step that reads the sources for each of their files, in order."""
        self.states: dict[str, dict[Path, State]] = {}
        """How the user's files of a step looked before its key was made."""
        self.compared: dict[str, dict[str, Path]] = {}

    def go(self) -> None:
        """Runs every step. Raises the first problem, after the steps beside it have ended."""
        self._take_cached()
        waiting = [step for step in self.graph.steps if self._status(step) == "waiting"]
        if waiting:
            with contextlib.nullcontext(self.workers) if self.workers else Workers() as warm:
                try:
                    warm.preload([step.name for step in waiting])
                    self._run_all(warm)
                except BaseException:
                    warm.stop()  # before what they left half-written is removed
                    raise
        if self.problem is not None:
            raise self.problem

    def _run_all(self, workers: Workers) -> None:
        while True:
            if self.problem is None:
                self._take_cached()
                for step in self._ready():
                    if self._running() < (os.cpu_count() or 1):
                        self._start(step, workers)
            if not self._running():
                return
            for event in workers.wait(HEARTBEAT_SECONDS):
                self._hear(event)

    def _status(self, step: Step) -> str:
        return self.record.step(step.name).status

    def _running(self) -> int:
        return sum(step.status == "running" for step in self.record.steps)

    def _ready(self) -> list[Step]:
        finished = {step.name for step in self.record.steps if step.status in ("done", "cached")}
        return [
            step for step in self.graph.steps if self._status(step) == "waiting" and finished.issuperset(step.after)
        ]

    def _take_cached(self) -> None:
        """Links everything that the cache has; one hit may make the next step ready."""
        found = True
        while found:
            found = False
            for step in self._ready():
                found = self._take(step) or found

    def _take(self, step: Step) -> bool:
        record = self.record.step(step.name)
        if record.key is None:
            record.inputs = {name: self._digest(*source) for name, source in step.inputs.items()}
            record.key = self._key(step, record)
        if not step.cached or step.name in self.again:
            return False
        hit = self.cache.find(step, record.key)
        if hit is None:
            return False
        self.cache.link(step, hit, self.record.folder)
        record.status, record.cached_from, record.outputs, record.rows = "cached", hit.run, hit.outputs, hit.rows
        record.started, record.seconds = time.monotonic() - self.began, 0.0
        self.cache.store(step, record.key, self.record.folder, hit)
        write_json(self.record.folder / step.name / DIGESTS, hit.files)
        self.record.save()
        self.display.ended(record)
        return True

    def _digest(self, step: str, artifact: str) -> str:
        return self.record.step(step).outputs[artifact]

    def _made(self, artifact: str) -> str:
        return self._digest(maker(artifact), artifact)

    def _key(self, step: Step, record: StepRecord) -> str:
        self.states[step.name] = {path: state(path) for path in step.files.values()}
        files = dict(zip(step.files, self.cache.file_digests(list(step.files.values())), strict=True))
        if "sources" in step.declared.world:
            files |= self._sources()
        earlier = {name: folder_digest(path) for name, path in self._earlier(step).items()}
        return key(step, {**record.inputs, **earlier}, files)

    def _sources(self) -> dict[str, str]:
        """Returns what stands in the key for the files of the sources, and keeps it for the step to compare with what it reads."""
        files: dict[str, str] = {}
        for name, source in self.loaded.spec.data.sources.items():
            there = origins(name, source, self.loaded.directory)
            here = [origin for origin in there if isinstance(origin, Path)]
            digests = dict(zip(here, self.cache.file_digests(here), strict=True))
            self.expected[name] = []
            for origin, below in zip(there, names_in(there, source, self.loaded.directory), strict=True):
                digest = digests[origin] if isinstance(origin, Path) else None
                self.expected[name].append(keyed(origin, digest, below))
                # what changes with an object stands for its bytes; without, it is read every time
                said = digest or getattr(origin, "identity", None) or f"unknown {self.record.run}"
                files[f"{name}/{below or origin.name}/{len(files)}"] = said
        return files

    def _earlier(self, step: Step) -> dict[str, Path]:
        """Finds what the step is compared with in earlier runs; what is not there is left out.

        It is looked for once: a run beside this one may end between the step's key and its start.
        """
        if step.name not in self.compared:
            self.compared[step.name] = self._found_earlier(step)
        return self.compared[step.name]

    def _found_earlier(self, step: Step) -> dict[str, Path]:
        found = {}
        if "previous" in step.earlier:
            found["previous"] = previous_statistics(self.runs, self._made("examples"))
        if "baseline" in step.earlier:
            trained, leaving = self._made("model"), self._digest(*step.inputs["model"])
            found["baseline"] = baseline(self.loaded, self.runs, trained, leaving)
        return {name: path for name, path in found.items() if path is not None}

    def _start(self, step: Step, workers: Workers) -> None:
        record, folder = self.record.step(step.name), self.record.folder / step.name
        arguments: dict[str, Any] = dict(step.parameters)
        arguments |= {name: str(self.record.artifact(*source)) for name, source in step.inputs.items()}
        arguments |= {name: str(path) for name, path in step.files.items()}
        arguments |= {name: str(path) for name, path in self._earlier(step).items()}
        arguments |= {name: str(folder / name) for name in step.outputs}
        arguments |= {name: value for name, value in self._context().items() if name in step.context}
        arguments["scratch"] = str(self._scratch(record))
        arguments["kept"] = str(self.runs / ".objects")
        arguments["expected"] = self.expected
        record.status, record.started = "running", time.monotonic() - self.began
        self.record.save()
        self.display.started(record)
        environment = hook_environment(self.loaded.spec, step)
        workers.start(step.name, folder / "call.json", folder / "log.txt", arguments, environment)

    def _scratch(self, record: StepRecord) -> Path:
        """A folder that outlives a killed attempt with the same inputs, so that training can go on from a checkpoint."""
        return self.runs / ".scratch" / f"{record.name}-{(record.key or '')[:32]}"

    def _context(self) -> dict[str, Any]:
        record = self.record
        context = {
            "run": record.run,
            "openlineage_run": record.openlineage_run or "",
            "pipeline": record.name,
            "spec_digest": record.spec_digest,
            "spec": record.spec,
            "created": now(),
            "hooks": text_digests(self.graph.hooks),
        }
        return {"directory": str(self.loaded.directory.resolve()), "context": context}

    def _hear(self, event: Event) -> None:
        record = self.record.step(event.step)
        if event.kind == "began":
            record.waited = time.monotonic() - self.began - (record.started or 0.0)
            return
        if event.kind == "progress":
            done, total, unit = event.value
            record.rows = done if unit == "rows" else record.rows
            self.display.progress(record, done, total, unit)
            return
        record.seconds = time.monotonic() - self.began - (record.started or 0.0) - (record.waited or 0.0)
        if event.kind == "done" and (changed := self._changed(record)) is None:
            self._done(record, event.value)
        elif event.kind == "done":
            self._failed(record, Event(event.step, "error", {"type": "DataError", "message": changed}))
        else:
            self._failed(record, event)
        self.record.save()
        self.display.ended(record)

    def _changed(self, record: StepRecord) -> str | None:
        """Says which of the user's files a step may have read in another state than the one in its key."""
        for path, before in self.states[record.name].items():
            how = difference(path, before)
            if how is not None:
                return f"{path}: it {how} while the step ran. Run again once nobody writes it."
        return None

    def _done(self, record: StepRecord, used: dict[str, Any]) -> None:
        step = self.graph.step(record.name)
        record.status = "done"
        record.peak_memory, record.cpu_seconds = used["peak_memory"], used["cpu_seconds"]
        files = keep_digests(self.record, step)
        shutil.rmtree(self._scratch(record), ignore_errors=True)
        if step.cached:
            hit = Hit(step.name, self.record.run, record.outputs, record.rows, files)
            self.cache.store(step, record.key or "", self.record.folder, hit)

    def _failed(self, record: StepRecord, event: Event) -> None:
        if event.kind == "died":
            how = f"was killed by signal {-event.value}" if event.value < 0 else f"ended with exit status {event.value}"
            why = "Did the machine run out of memory?" if event.value < 0 else "A hook or a library ended the process."
            problem: StellwerkError = StepFailed(
                f"step {record.name} {how}. {why} Run again to continue where it stopped."
            )
        elif event.value["type"] == "GateRefused":
            problem = GateRefused(event.value["message"])
        else:
            problem = StepFailed(f"step {record.name}: {event.value['message']}")
        if "sources" in self.graph.step(record.name).declared.world:
            self.cache.forget_files()
        record.status = "refused" if isinstance(problem, GateRefused) else "failed"
        record.error = str(problem)
        self.problem = self.problem or problem
