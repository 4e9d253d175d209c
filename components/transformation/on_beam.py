"""The passes of the transform over the data, on Beam's workers.

What is measured is measured by the same measures as here, one set for every row group, and merged by Beam. What workers find
comes back as JSON, and transformed rows as shards, one for every row group, in the order of the rows.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.artifacts.folders import file_digest
from stellwerk.components.beam.jobs import job
from stellwerk.components.beam.portions import Portion, merged, portions
from stellwerk.components.beam.shared_storage import SharedStorage, local_copy, put
from stellwerk.components.transformation.beam import filled, write_analysis
from stellwerk.components.transformation.graph import load_graph
from stellwerk.components.transformation.label import new_answers, refuse_missing
from stellwerk.components.transformation.materialising import (
    SPLITS,
    batch_rows,
    opened_shard,
    schema_of,
    transformed,
    write_manifest,
)
from stellwerk.components.transformation.measuring import Measuring
from stellwerk.components.transformation.plan import Plan, PreprocessingFn
from stellwerk.spec.beam import Beam

ANSWERS = ("", "answers")
"""Key of what the target's column holds, among what the features ask for."""

Measures = dict[tuple[str, str], Any]


@dataclass(frozen=True)
class OnBeam:
    """Sends a job for each pass; `seen` hears of a split's rows when its job is done."""

    settings: Beam
    shared_storage: SharedStorage
    examples: Examples
    seen: Callable[[int], None]

    def measure(self, plan: Plan) -> Measures:
        """Finds the classes of the plan, and returns what its features ask for, in one job."""
        answers = new_answers(plan.target)
        measures: Measures = {**Measuring(plan).empty(), ANSWERS: answers}
        address = self.shared_storage.at("measures.json")
        with self._job("transform-measure", *self.examples.manifest["splits"]) as read:
            _ = (
                read
                | "Measure" >> beam.ParDo(_Measure(plan))
                | "Merge" >> merged(_Merge())
                | "Write" >> beam.Map(put, address)
            )
        for name, key, found in json.loads(self.shared_storage.read(address)):
            measures[name, key].restore(found)
        del measures[ANSWERS]
        plan.classes = answers.classes()
        self.seen(self.examples.rows("train"))
        return measures

    def analyze(self, plan: Plan, preprocessing_fn: PreprocessingFn, folder: Path) -> None:
        """Runs TFT's analysers in a job, and brings the graph to `folder`."""
        address = self.shared_storage.at("graph")
        with self._job("transform-analyze", "train") as read:
            batches = read | "Read" >> beam.FlatMap(_filled, plan.all_inputs)
            write_analysis(batches, plan, preprocessing_fn, address, self.shared_storage.at("scratch"))
        self.shared_storage.fetch(address, folder)

    def materialise(self, plan: Plan, graph: Path, folder: Path) -> None:
        """Writes the transformed splits and their manifest to `folder`: a shard for every row group of the examples."""
        address, shards = self.shared_storage.at("shards.json"), self.shared_storage.at("shards")
        with self._job("transform", *SPLITS) as read:
            _ = (
                read
                | "Transform" >> beam.ParDo(_Transform(plan, self.shared_storage.give(graph), shards))
                | "Together" >> merged(beam.combiners.ToListCombineFn())
                | "Write" >> beam.Map(_write_json, address)
            )
        written = sorted(json.loads(self.shared_storage.read(address)), key=lambda shard: str(shard["path"]))
        splits = {}
        for split in SPLITS:
            own = [shard for shard in written if shard["path"].startswith(f"{split}/")]
            for shard in own:
                self.shared_storage.fetch(f"{shards}/{shard['path']}", folder / shard["path"])
            splits[split] = {"rows": sum(shard["rows"] for shard in own), "shards": own}
            self.seen(self.examples.rows(split))
        write_manifest(plan, self.examples, splits, folder)

    def _job(self, name: str, *splits: str) -> contextlib.AbstractContextManager[beam.PCollection]:
        given = [portion for split in splits for portion in portions(self.examples, split, self.shared_storage)]
        return job(self.settings, name, given, self.shared_storage)


class _Measure(beam.DoFn):  # type: ignore[misc]
    """Measures a portion: the target's column of every split, and in the train split what the features ask for."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._measuring: Measuring | None = None

    def process(self, portion: Portion) -> Iterator[Measures]:
        self._measuring = self._measuring or Measuring(self._plan)
        target = self._plan.target
        measures: Measures = self._measuring.empty() if portion.split == "train" else {}
        answers = new_answers(target)
        columns = {target.column, *(self._measuring.columns if measures else ())}
        for batch in portion.batches(sorted(columns), self._measuring.rows):
            refuse_missing(batch.column(target.column), portion.split, target)
            answers.add(batch.column(target.column))
            if measures:
                self._measuring.add(measures, batch)
        yield {**measures, ANSWERS: answers}


class _Merge(beam.CombineFn):  # type: ignore[misc]
    """Merges the measures of portions, and writes them down as JSON."""

    def create_accumulator(self) -> Measures:
        return {}

    def add_input(self, merged: Measures, measures: Measures) -> Measures:
        for key, measure in measures.items():
            if key in merged:
                merged[key].merge(measure)
            else:
                merged[key] = measure
        return merged

    def merge_accumulators(self, accumulators: Iterable[Measures]) -> Measures:
        merged: Measures = {}
        for one in accumulators:
            merged = self.add_input(merged, one)
        return merged

    def extract_output(self, merged: Measures) -> bytes:
        return json.dumps([[*key, measure.as_json()] for key, measure in merged.items()]).encode()


class _Transform(beam.DoFn):  # type: ignore[misc]
    """Puts a portion through the graph and writes a shard; yields its line of the manifest."""

    def __init__(self, plan: Plan, graph: str, shards: str) -> None:
        self._plan, self._graph, self._shards = plan, graph, shards
        self._apply: Callable[..., dict[str, Any]] | None = None
        self._open = contextlib.ExitStack()

    def __getstate__(self) -> Mapping[str, Any]:
        """What travels to a worker: the graph is loaded there."""
        return {"_plan": self._plan, "_graph": self._graph, "_shards": self._shards}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__init__(*state.values())  # type: ignore[misc]

    def process(self, portion: Portion) -> Iterator[dict[str, Any]]:
        if self._apply is None:
            self._apply = load_graph(self._plan, self._open.enter_context(local_copy(self._graph)))
        path = f"{portion.split}/part-{portion.number:05d}.parquet"
        schema, rows = schema_of(self._plan), 0
        batches = portion.batches(sorted(self._plan.all_inputs), batch_rows(schema))
        with tempfile.TemporaryDirectory(prefix="stellwerk-") as folder:
            shard = Path(folder) / "shard.parquet"
            with opened_shard(shard, schema) as writer:
                for batch in transformed(self._plan, self._apply, batches, portion.split):
                    writer.write_batch(batch)
                    rows += batch.num_rows
            put(shard, f"{self._shards}/{path}")
            yield {"path": path, "rows": rows, "sha256": file_digest(shard)}

    def teardown(self) -> None:
        self._open.close()


def _filled(portion: Portion, inputs: Mapping[str, str]) -> Iterator[pa.RecordBatch]:
    return filled(portion.batches(list(inputs)), inputs)


def _write_json(value: Any, address: str) -> str:
    return put(json.dumps(value).encode(), address)
