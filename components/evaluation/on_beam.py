"""The pass over the test split on Beam's workers: each asks the models for its row groups and counts; Beam adds the counts."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apache_beam as beam
import numpy as np

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.artifacts.limits import calls_limited
from stellwerk.components.beam.jobs import job
from stellwerk.components.beam.portions import Portion, merged, portions
from stellwerk.components.beam.shared_storage import SharedStorage, local_copy, put, shared_storage
from stellwerk.components.evaluation.counted import Counted, Terms
from stellwerk.components.evaluation.measuring import Measurement, measurement, refuse_nothing
from stellwerk.components.evaluation.models import Models, opened
from stellwerk.components.evaluation.predicting import SPLIT, wanted
from stellwerk.components.evaluation.variants import together
from stellwerk.spec.beam import Beam
from stellwerk.spec.evaluate import Evaluate
from stellwerk.spec.target import Target
from stellwerk.tasks.counts import Array

if TYPE_CHECKING:
    from stellwerk.components.evaluation.tfma_beam import Computed, OtherMetrics

Found = tuple[Counted, list[Array]]
"""What a worker finds in a portion: its `Counted`, and how far variants are from the candidate."""

FOUND = "found"
"""The output of `_Ask` that has it. The others have rows for TFMA."""


@dataclass(frozen=True)
class Judging:
    """What a worker needs to ask the models for its rows."""

    model: str
    baseline: str | None
    examples: Examples
    target: Target
    terms: Terms
    by_tfma: bool
    """Whether TFMA measures the rows too."""


def measure_on(
    beam_settings: Beam,
    models: Models,
    *,
    examples: Examples,
    target: Target,
    settings: Evaluate,
    standard: Sequence[str],
    others: OtherMetrics | None,
    beside: Path,
) -> Measurement:
    """Measures what `measure` does, in one job; `beside` is an output of the step, see `shared_storage`."""
    terms = Terms.of(models, target, settings, standard)
    with shared_storage(beam_settings, beside) as place:
        counts, apart = place.at("counts.npz"), place.at("apart.npy")
        folders = {name: place.at("tfma", str(number)) for number, name in enumerate(models.names)} if others else {}
        rows = [str(number) for number in range(len(folders))]
        model, *before = [place.give(predictor.model.path) for predictor in models.predictors]
        ask = _Ask(Judging(model, before[0] if before else None, examples, target, terms, by_tfma=others is not None))
        with calls_limited("evaluate"), job(beam_settings, "evaluate", portions(examples, SPLIT, place), place) as read:
            asked = read | "Ask" >> beam.ParDo(ask).with_outputs(*rows, main=FOUND)
            _ = asked[FOUND] | "Add" >> merged(_Add(terms)) | "Write" >> beam.Map(_write, counts, apart)
            if others is not None:
                for tag, folder in zip(rows, folders.values(), strict=True):
                    others.evaluate(asked[tag], folder, f"{tag}: ")
        counted = Counted.from_bytes(terms, place.read(counts))
        refuse_nothing(counted, target, examples.rows(SPLIT))
        for variant, array in zip(models.variants, np.load(io.BytesIO(place.read(apart))), strict=True):
            variant.take(array)
        return measurement(counted, _computed(others, folders, place))


def _computed(others: OtherMetrics | None, folders: Mapping[str, str], place: SharedStorage) -> dict[str, Computed]:
    if others is None:
        return {}
    with tempfile.TemporaryDirectory(prefix="stellwerk-") as folder:
        for number, address in enumerate(folders.values()):
            place.fetch(address, Path(folder) / str(number))
        return {name: others.load(Path(folder) / str(number), name) for number, name in enumerate(folders)}


class _Ask(beam.DoFn):  # type: ignore[misc]
    """Asks the models for a portion's rows: puts out what it counted, and each row for TFMA under the model's number."""

    def __init__(self, judging: Judging) -> None:
        self._judging = judging
        self._models: Models | None = None
        self._open = contextlib.ExitStack()

    def __getstate__(self) -> Judging:
        """What travels to a worker: the models are loaded there."""
        return self._judging

    def __setstate__(self, judging: Judging) -> None:
        self.__init__(judging)  # type: ignore[misc]

    def process(self, portion: Portion) -> Iterator[Any]:
        judging = self._judging
        models = self._models = self._models or self._opened()
        counted = Counted(judging.terms, seed=portion.number)
        before = [variant.array() for variant in models.variants]
        want = wanted(judging.examples, judging.target, models.predictors, counted.slices, _more(models))
        batches = portion.batches(want.columns, want.rows)
        for batch in counted.count(models, batches, judging.target):
            if judging.by_tfma and batch.predictions:
                from stellwerk.components.evaluation.tfma_beam import extracts  # noqa: PLC0415 - TFMA costs seconds to load

                for number, answers in enumerate(batch.predictions[: len(models.names)]):
                    for row in extracts(batch.labels, answers, batch.groups, counted.slices.keys):
                        yield beam.pvalue.TaggedOutput(str(number), row)
        yield counted, [variant.since(array) for variant, array in zip(models.variants, before, strict=True)]

    def teardown(self) -> None:
        self._open.close()

    def _opened(self) -> Models:
        judging = self._judging
        model = self._open.enter_context(local_copy(judging.model))
        baseline = self._open.enter_context(local_copy(judging.baseline)) if judging.baseline else None
        return self._open.enter_context(opened(model, baseline, judging.target, judging.examples))


class _Add(beam.CombineFn):  # type: ignore[misc]
    """Adds what was found in portions; puts out counts as bytes, and how far variants are apart."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms

    def create_accumulator(self) -> Found:
        return Counted(self._terms), []

    def add_input(self, added: Found, found: Found) -> Found:
        added[0].take(found[0])
        return added[0], together([part for part in (added[1], found[1]) if part])

    def merge_accumulators(self, accumulators: Iterable[Found]) -> Found:
        added = self.create_accumulator()
        for one in accumulators:
            added = self.add_input(added, one)
        return added

    def extract_output(self, added: Found) -> tuple[bytes, list[Array]]:
        return added[0].to_bytes(), added[1]


def _write(added: tuple[bytes, list[Array]], counts: str, apart: str) -> None:
    put(added[0], counts)
    file = io.BytesIO()
    np.save(file, np.array(added[1], np.float64))
    put(file.getvalue(), apart)


def _more(models: Models) -> list[str]:
    """Returns the columns that baselines read."""
    return [column for simple in models.simple for column in simple.columns]
