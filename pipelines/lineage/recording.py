"""Listens to a run and writes its OpenLineage events to `openlineage.jsonl` in the run's folder; sends them where they are wanted."""

from __future__ import annotations

import contextlib
import json
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stellwerk.components.lineage import datasets
from stellwerk.components.lineage.code import code_digest, text_digests
from stellwerk.components.lineage.events import Job, Json, Kind, error, event, facet, parameters
from stellwerk.components.lineage.sending import Sender, configured
from stellwerk.components.lineage.steps import PUSHED, Artifact, step_event
from stellwerk.loading import LoadedSpec
from stellwerk.loading.variables import hide
from stellwerk.pipelines.graph import Graph
from stellwerk.pipelines.runs import RunRecord, StepRecord, now

if TYPE_CHECKING:
    from stellwerk.pipelines.embedded.display import Display

FILE = "openlineage.jsonl"
KINDS: dict[str, Kind] = {"done": "COMPLETE", "refused": "FAIL", "failed": "FAIL", "killed": "ABORT"}
"""How a run ended -> its last event."""
KILLED = "the process was killed"


class Recorder:
    """Hears what a display is told, passes it on, and makes events of it. No trouble of its own ever stops a run.

    `aside` says where an artifact lies while the run goes on, where that is not yet its place in the run's folder.
    """

    def __init__(
        self, display: Display, loaded: LoadedSpec, graph: Graph, aside: Callable[[Path], Path] = Path
    ) -> None:
        self.display, self.loaded, self.graph, self.aside = display, loaded, graph, aside
        self.record: RunRecord | None = None
        self._sender = Sender() if configured() else None
        self._broken: str | None = None
        self._stopped: list[StepRecord] = []

    def ended_before(self, killed: Iterable[RunRecord]) -> None:
        """Tells the end of earlier runs whose process was killed: they could not."""
        for record in killed:
            with self._guarded():
                for told in _unended(record.folder / FILE):
                    self._write(told, record.folder)

    def begin(self, record: RunRecord) -> None:
        """Gives the run its id and tells its start."""
        self.display.begin(record)
        self.record = record
        record.openlineage_run = str(uuid.uuid4())
        with self._guarded():
            digests = {f"hooks.{file}": digest for file, digest in text_digests(self.graph.hooks).items()}
            facts = {"run": record.run, "spec_digest": record.spec_digest, "code_digest": code_digest(), **digests}
            self._tell("START", self._run, {**parameters(facts), **self._nominal()})

    def started(self, step: StepRecord) -> None:
        """Tells the start of a step."""
        with self._guarded():
            self._tell_step("START", step)
        self.display.started(step)

    def progress(self, step: StepRecord, done: int, total: int | None, unit: str) -> None:
        """Tells nothing: OpenLineage has no progress."""
        self.display.progress(step, done, total, unit)

    def ended(self, step: StepRecord) -> None:
        """Tells how a step ended; of one that was stopped with the run, at the end of that."""
        self.display.ended(step)
        with self._guarded():
            if step.status == "cached":
                self._tell_step("START", step)
            if step.status == "failed" and step.seconds is None:
                self._stopped.append(step)
            elif step.status != "skipped":
                self._tell_step("FAIL" if step.status in ("refused", "failed") else "COMPLETE", step)

    def end(self) -> None:
        """Tells the end of the run."""
        with self._guarded():
            kind = KINDS[self._record.status]
            for step in self._stopped:
                self._tell_step(kind, step)
            facts = error(self._hidden(self._record.error)) if self._record.error else {}
            self._tell(kind, self._run, {**facts, **self._nominal()}, self._sources(), self._pushed())
        self.display.end()

    def close(self) -> None:
        """Waits a little for events on their way, and tells the user if some did not arrive."""
        problem = self._broken or (self._sender.close() if self._sender is not None else None)
        if problem:
            file = self._record.folder / FILE
            beside = f" They are in {file}." if file.is_file() and not self._broken else ""
            print(f"{problem}{beside}", file=sys.stderr, flush=True)

    @property
    def _record(self) -> RunRecord:
        assert self.record is not None  # noqa: S101 - begin comes first
        return self.record

    @property
    def _run(self) -> Job:
        return Job(self.graph.name, self._record.openlineage_run or "")

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except Exception as problem:  # lineage is told about a run, it is no part of it
            self._broken = self._broken or f"lineage: events could not be written: {problem}."

    def _tell_step(self, kind: Kind, record: StepRecord) -> None:
        if all(record.name != step.name for step in self.graph.steps):
            return  # a task that an engine adds, as the one that sums up
        step = self.graph.step(record.name)
        facts = {"cache_key": record.key, "cached_from": record.cached_from}
        told = step_event(
            kind,
            self._run.child(record.name),
            self._hide(step.parameters),
            facts if kind == "START" else {**facts, **self._usage(record)},
            read=[self._artifact(*source) for source in dict.fromkeys(step.inputs.values())],
            written={name: self._artifact(record.name, name) for name in step.outputs},
            directory=self.loaded.directory,
            evaluation=self._made("evaluation") if PUSHED in step.outputs else None,
            failure=self._hidden(record.error or KILLED) if kind in ("FAIL", "ABORT") else None,
        )
        self._write(told, self._record.folder)

    def _usage(self, record: StepRecord) -> dict[str, Any]:
        return {"seconds": record.seconds, "cpu_seconds": record.cpu_seconds, "peak_memory": record.peak_memory}

    def _tell(
        self,
        kind: Kind,
        job: Job,
        run_facets: Mapping[str, Json],
        inputs: Iterable[Json] = (),
        outputs: Iterable[Json] = (),
    ) -> None:
        code = {"sourceCode": facet("sourceCode", language="yaml", sourceCode=self.loaded.text)}
        told = event(kind, job, run_facets=run_facets, job_facets=code, inputs=list(inputs), outputs=list(outputs))
        self._write(told, self._record.folder)

    def _write(self, told: Json, folder: Path) -> None:
        line = json.dumps(told, ensure_ascii=False, allow_nan=False)
        with (folder / FILE).open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        if self._sender is not None:
            self._sender.send(told)

    def _nominal(self) -> dict[str, Json]:
        end = self._record.finished or (now() if self._record.status != "running" else None)
        return {"nominalTime": facet("nominalTime", nominalStartTime=self._record.started, nominalEndTime=end)}

    def _made(self, artifact: str) -> Path:
        return self.aside(self._record.made(artifact))

    def _artifact(self, step: str, name: str) -> Artifact:
        place, digest = self._record.artifact(step, name), self._record.step(step).outputs.get(name)
        return Artifact(f"{self.graph.name}.{step}.{name}", self.aside(place), str(place.absolute()), digest)

    def _sources(self) -> list[Json]:
        return datasets.sources(self._made("examples"), self.loaded.directory)

    def _pushed(self) -> list[Json]:
        return datasets.pushed(self._made(PUSHED), self._made("evaluation"))

    def _hidden(self, text: str) -> str:
        """Returns a text with what the spec took from the environment called by the names it has there."""
        return hide(text, tuple(one for _, found in self.loaded.document.variables.values() for one in found))

    def _hide(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: self._hide(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._hide(item) for item in value]
        return self._hidden(value) if isinstance(value, str) else value


def _unended(file: Path) -> list[Json]:
    """Returns the events that end what a file says has begun: the steps first, the run last."""
    begun: dict[str, Json] = {}
    for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else ():
        try:
            told = json.loads(line)
        except json.JSONDecodeError:
            continue  # the last line of a killed process may be half of one
        if told["eventType"] == "START":
            begun[told["run"]["runId"]] = told
        else:
            begun.pop(told["run"]["runId"], None)
    return [_abort(told) for told in reversed(begun.values())]


def _abort(started: Json) -> Json:
    facets = {"facets": {**started["run"]["facets"], **error(KILLED)}}
    when = now()
    return {**started, "eventType": "ABORT", "eventTime": when, "run": {**started["run"], **facets}, "outputs": []}
