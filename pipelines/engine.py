"""What engines have in common: a walk over the graph, and all around it, whichever way the walk ends."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from stellwerk.components.artifacts.folders import overall, write_json
from stellwerk.components.artifacts.verifying import written_digests
from stellwerk.loading import LoadedSpec
from stellwerk.pipelines.embedded.display import Display, Silent
from stellwerk.pipelines.gates import ask_the_gates
from stellwerk.pipelines.graph import Graph, Step
from stellwerk.pipelines.lineage.recording import Recorder
from stellwerk.pipelines.outcome import reported
from stellwerk.pipelines.runs import DIGESTS, RunRecord, runs_of, sweep
from stellwerk.report import write_report


class Walk(Protocol):
    """One run of an engine on this machine. All that an engine is, is how it walks."""

    record: RunRecord
    """What happened so far; it is kept true step by step."""

    def go(self) -> None:
        """Runs every step. Raises the first problem, after the steps beside it have ended."""


def walked(
    loaded: LoadedSpec,
    steps: Graph,
    begin: Callable[[Path, Display], Walk],
    display: Display | None,
    *,
    interrupted: str,
    aside: Callable[[Path], Path] = Path,
) -> RunRecord:
    """Walks a graph and returns what happened; a report and lineage are written however it ends.

    `begin` makes the walk, given the folder of the pipeline's runs and who is told of the steps. `interrupted` is what the record says of
    a run that was stopped from outside; `aside` says where an artifact lies until the end. Raises what the walk raises, and
    GateRefused where a step judged the model and said no.
    """
    runs = runs_of(loaded.directory, loaded.spec.name)
    recorder = Recorder(display or Silent(), loaded, steps, aside)
    recorder.ended_before(sweep(runs))
    walk = begin(runs, recorder)
    try:
        with reported(walk.record, recorder, interrupted):
            walk.go()
            ask_the_gates(walk.record)
    finally:
        with contextlib.suppress(OSError):  # a full disk has been told already
            write_report(walk.record.folder)
        recorder.close()
    return walk.record


def keep_digests(record: RunRecord, step: Step) -> dict[str, dict[str, str]]:
    """Notes the digests of what a step wrote, in its record and beside its artifacts; returns those of each file by artifact."""
    files = {name: written_digests(record.artifact(step.name, name)) for name in step.outputs}
    record.step(step.name).outputs = {name: overall(found) for name, found in files.items()}
    write_json(record.folder / step.name / DIGESTS, files)
    return files
