"""What is counted of a part of the split; parts that were counted apart are put together to the same numbers."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from stellwerk.ahead import read_ahead
from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.evaluation.models import Models
from stellwerk.components.evaluation.predicting import SPLIT, Batch, Excluded, predictions, wanted
from stellwerk.components.evaluation.slices import SliceKey, Slices
from stellwerk.spec.evaluate import Evaluate
from stellwerk.spec.target import Target
from stellwerk.tasks import TASKS
from stellwerk.tasks.counts import Array
from stellwerk.tasks.parts import TallyPart

ABOUT = "about"

AHEAD = 1
"""Batches with their predictions that wait while another is counted."""


@dataclass(frozen=True)
class Terms:
    """What must be equal for counts to be put together."""

    names: tuple[str, ...]
    """All that is asked, in the order of their predictions: models, formats of variants, baselines."""
    kind: str
    classes: tuple[str, ...]
    threshold: float
    standard: tuple[str, ...]
    slices: tuple[tuple[str, ...], ...]
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """What the candidate says of its answers beside their names, see `stellwerk.tasks.labels`."""

    @classmethod
    def of(cls, models: Models, target: Target, settings: Evaluate, standard: Iterable[str]) -> Terms:
        """Returns the terms of an evaluation."""
        classes = tuple(models.predictors[0].classes)
        names = (*models.names, *(simple.name for simple in models.simple))
        facts = models.predictors[0].facts
        return cls(names, target.type, classes, settings.threshold, tuple(standard), settings.slices, facts)


class Counted:
    """Slices, tallies of all that is asked, and rows left out; in memory that does not grow with the rows."""

    def __init__(self, terms: Terms, seed: int = 0) -> None:
        """Parts that are put together later need different seeds, see `TallyPart.new_tally`."""
        self.terms, self.slices, self.excluded = terms, Slices(terms.slices), Excluded()
        task: TallyPart = TASKS.part(terms.kind, "tally")
        self.tallies = {
            name: task.new_tally(terms.classes, terms.threshold, terms.standard, seed) for name in terms.names
        }
        for tally in self.tallies.values() if terms.facts else ():
            tally.know(terms.facts)  # type: ignore[attr-defined]

    @property
    def examples(self) -> Array:
        """Examples of each slice (int64 [slices])."""
        return next(iter(self.tallies.values())).counts(len(self.slices))

    def through(self, models: Models, examples: Examples, target: Target) -> Iterator[Batch]:
        """Counts the whole split, and yields each of its batches once it is counted."""
        more = [column for simple in models.simple for column in simple.columns]
        want = wanted(examples, target, models.predictors, self.slices, more)
        yield from self.count(models, examples.batches(SPLIT, want.columns, want.rows), target)

    def count(self, models: Models, batches: Iterable[pa.RecordBatch], target: Target) -> Iterator[Batch]:
        """Counts what the models say of `batches` while they are asked for the next, and yields each batch once it is counted."""
        asked, apart = models.predictors, models.variants
        answered = predictions(batches, target, asked, self.slices, self.excluded, beside=(*apart, *models.simple))
        whole = {simple.name for simple in models.simple}
        with read_ahead(answered, AHEAD) as ready:
            for batch in ready:
                for (name, tally), answers in zip(self.tallies.items(), batch.predictions, strict=False):
                    tally.add(batch.labels, answers, batch.groups[:1] if name in whole else batch.groups)
                for variant, answers in zip(apart, batch.predictions[len(asked) :], strict=False):
                    variant.compare(batch.predictions[0], answers)
                yield batch

    def take(self, other: Counted) -> None:
        """Adds what was counted elsewhere, on the same terms."""
        numbers = self.slices.take(other.slices.keys)
        self.excluded.take(other.excluded)
        for name, tally in self.tallies.items():
            tally.take(other.tallies[name].arrays(len(other.slices)), numbers)

    def to_bytes(self) -> bytes:
        """Returns everything as NumPy's own file of arrays, without pickles."""
        left_out = self.excluded
        excluded = [left_out.missing, left_out.unseen, dict(left_out.unseen_values)]
        about = {"keys": self.slices.keys, "excluded": excluded}
        arrays = {
            f"{place}/{name}": array
            for place, tally in enumerate(self.tallies.values())
            for name, array in tally.arrays(len(self.slices)).items()
        }
        file = io.BytesIO()
        np.savez(file, **{ABOUT: np.frombuffer(json.dumps(about).encode(), np.uint8)}, **arrays)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, terms: Terms, data: bytes) -> Counted:
        """Returns what `to_bytes` was made of."""
        counted = cls(terms)
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            about: dict[str, Any] = json.loads(arrays[ABOUT].tobytes())
            numbers = counted.slices.take([_key(key) for key in about["keys"]])
            missing, unseen, values = about["excluded"]
            counted.excluded.take(Excluded(missing, unseen, Counter(values)))
            for place, tally in enumerate(counted.tallies.values()):
                own = {name.partition("/")[2]: name for name in arrays.files if name.startswith(f"{place}/")}
                tally.take({name: arrays[file] for name, file in own.items()}, numbers)
        return counted


def _key(written: list[list[Any]]) -> SliceKey:
    return tuple((column, value) for column, value in written)
