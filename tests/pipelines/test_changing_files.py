"""Files of the user that change while a run begins: it says which, and the cache keeps nothing that its key does not mean."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from stellwerk.errors import StepFailed
from stellwerk.loading import load
from stellwerk.pipelines.embedded.display import Silent
from stellwerk.pipelines.embedded.runner import run
from stellwerk.pipelines.runs import StepRecord


class Meddling(Silent):
    """Does something once, at the moment when a step has its key and is about to start."""

    def __init__(self, step: str, what: Callable[[], object]) -> None:
        self.step, self.what = step, what

    def started(self, step: StepRecord) -> None:
        """Does it."""
        if step.name == self.step:
            self.what()


def rows_of(spec: Path) -> int:
    manifest = sorted((spec.parent / "runs" / "small-flights").glob("[0-9]*/ingest/examples/dataset.json"))[-1]
    read: int = json.loads(manifest.read_text())["rows"]["read"]
    return read


def test_a_source_replaced_while_a_run_begins_does_not_poison_the_cache(project: Path):
    source = project.parent / "flights.csv"
    original = source.read_bytes()
    source.write_bytes(original + original.splitlines(keepends=True)[-1])
    before, rows = source.read_bytes(), original.count(b"\n") - 1

    def replace() -> None:
        (project.parent / "other").write_bytes(original[: len(original) // 2].rpartition(b"\n")[0] + b"\n")
        (project.parent / "other").replace(source)

    with pytest.raises(StepFailed, match=r"step ingest: flights: flights\.csv: it was changed since the run began"):
        run(load(project), until="ingest", display=Meddling("ingest", replace))
    source.write_bytes(before)
    run(load(project), until="ingest")
    assert rows_of(project) == rows + 1


def test_a_source_that_looks_as_before_and_is_not_is_found_out_and_the_next_run_reads_it_anew(project: Path):
    source = project.parent / "flights.csv"
    run(load(project), until="ingest")
    looks, content = source.stat(), source.read_bytes()
    source.write_bytes(content.replace(b"UA", b"DL"))
    os.utime(source, ns=(looks.st_atime_ns, looks.st_mtime_ns))
    with pytest.raises(StepFailed, match=r"flights\.csv: it was changed since the run began"):
        run(load(project), until="ingest", cache=False)
    run(load(project), until="ingest", cache=False)
    run(load(project), until="ingest")


def test_a_curated_schema_edited_while_a_run_begins_is_named_and_its_result_is_not_kept(project: Path, stellwerk):
    (used,) = (project.parent / "runs" / "small-flights").glob("[0-9]*/validate/schema/schema.pbtxt")
    schema = project.parent / "schema.pbtxt"
    schema.write_text(used.read_text())
    project.write_text(project.read_text() + "validate: {schema: schema.pbtxt}\n")

    def edit() -> None:
        schema.write_text(schema.read_text() + "# another\n")

    with pytest.raises(StepFailed, match=r"step validate: .*schema\.pbtxt: it grew from .* while the step ran"):
        run(load(project), until="validate", display=Meddling("validate", edit))
    schema.write_text(used.read_text())
    record = run(load(project), until="validate")
    assert [step.status for step in record.steps] == ["cached", "done"]
