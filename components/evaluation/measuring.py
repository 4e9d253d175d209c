"""Measures models on the same rows of a split: metrics of each for all slices, from one pass over the data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.evaluation.counted import Counted, Terms
from stellwerk.components.evaluation.models import Models
from stellwerk.components.evaluation.predicting import SPLIT, Excluded
from stellwerk.components.evaluation.requirements import Measured
from stellwerk.components.evaluation.slices import SliceKey, Slices
from stellwerk.components.evaluation.tfma_files import BASELINE
from stellwerk.errors import DataError
from stellwerk.progress import Progress
from stellwerk.spec.evaluate import Evaluate
from stellwerk.spec.target import Target
from stellwerk.tasks import about
from stellwerk.tasks.counts import Array
from stellwerk.tasks.parts import Tally

if TYPE_CHECKING:
    from stellwerk.components.evaluation.tfma_beam import Computed, OtherMetrics


@dataclass(frozen=True)
class Measurement:
    """Metrics by model name, then metric, then slice number; what they were made of; and the rows left out."""

    kind: str
    standard: Sequence[str]
    slices: Slices
    examples: Array
    metrics: dict[str, dict[str, Array]]
    tallies: dict[str, Tally]
    extra: dict[str, dict[SliceKey, Any]]
    excluded: Excluded

    def rows(self, variant: str | None = None) -> list[Measured]:
        """Returns the metrics slice by slice, the whole split first: of the candidate, or of one of its variants."""
        candidate = self.metrics[variant] if variant else next(iter(self.metrics.values()))
        baseline = self.metrics.get(BASELINE)
        return [
            Measured(
                number,
                dict(self.slices.keys[number]),
                int(self.examples[number]),
                {name: float(values[number]) for name, values in candidate.items()},
                {name: float(values[number]) for name, values in baseline.items()} if baseline is not None else None,
            )
            for number in self.slices.order()
        ]

    def as_json(self) -> dict[str, Any]:
        """Returns what `evaluation.json` holds; what is not defined is null."""
        return {
            "examples": int(self.examples[0]),
            "excluded": self.excluded.as_json(),
            "slices": self._rows_with_intervals(),
            "baselines": self.baselines(),
            **next(iter(self.tallies.values())).details(),
            **self._beside(),
        }

    def _beside(self) -> dict[str, Any]:
        """Returns the errors of the baselines step by step, of a task that has them so."""
        if not about(self.kind).many:
            return {}
        return {"beside": {name: self.tallies[name].details()["horizon"] for name in self.baselines()}}

    def _rows_with_intervals(self) -> list[dict[str, Any]]:
        found = next(iter(self.tallies.values())).intervals(len(self.slices))
        wanted = {name: found[name] for name in self.standard}
        rows = []
        for measured in self.rows():
            ends = {
                name: (float(low[measured.number]), float(high[measured.number]))
                for name, (low, high) in wanted.items()
            }
            known = {name: list(pair) for name, pair in ends.items() if all(map(math.isfinite, pair))}
            rows.append({**_row(measured), "intervals": known})
        return rows

    def baselines(self) -> dict[str, dict[str, float | None]]:
        """Returns the standard metrics of the whole split of each of the simplest models."""
        return {name: self.overall(name) for name in about(self.kind).baselines if name in self.metrics}

    def overall(self, variant: str | None = None) -> dict[str, float | None]:
        """Returns the metrics of the whole split; what is not defined is None."""
        return _defined(self.rows(variant)[0].metrics)


def _row(measured: Measured) -> dict[str, Any]:
    row = {"slice": dict(measured.slice), "examples": measured.examples, "metrics": _defined(measured.metrics)}
    if measured.baseline is not None:
        row["baseline"] = _defined(measured.baseline)
    return row


def _defined(metrics: Any) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in metrics.items()}


def measure(
    models: Models,
    *,
    examples: Examples,
    target: Target,
    settings: Evaluate,
    standard: Sequence[str],
    others: OtherMetrics | None,
    progress: Progress,
) -> Measurement:
    """Streams the split once through all models. Raises DataError when no row has a label to compare with."""
    counted = Counted(Terms.of(models, target, settings, standard))
    done, total = 0, examples.rows(SPLIT)
    for batch in counted.through(models, examples, target):
        if others is not None and batch.predictions:
            others.add(batch.labels, batch.predictions[: len(models.names)], batch.groups)
        done += batch.rows
        progress(done, total)
    refuse_nothing(counted, target, done)
    computed = others.compute(models.names, counted.slices.keys) if others is not None else {}
    return measurement(counted, computed)


def measurement(counted: Counted, computed: Mapping[str, Computed]) -> Measurement:
    """Returns the metrics of what was counted, and of what TFMA computed, by model."""
    slices, standard = counted.slices, counted.terms.standard
    every = {name: tally.metrics(len(slices)) for name, tally in counted.tallies.items()}
    metrics = {model: {name: values[name] for name in standard} for model, values in every.items()}
    extra = _add_others(metrics, computed, slices)
    return Measurement(
        counted.terms.kind, standard, slices, counted.examples, metrics, counted.tallies, extra, counted.excluded
    )


def refuse_nothing(counted: Counted, target: Target, rows: int) -> None:
    """Raises DataError when none of `rows` rows has a label to compare with."""
    if not counted.examples[0]:
        raise DataError(_nothing(target, rows, counted.excluded, counted.terms.classes))


def _add_others(
    metrics: dict[str, dict[str, Array]], computed: Mapping[str, Computed], slices: Slices
) -> dict[str, dict[SliceKey, Any]]:
    """Adds what TFMA computed to `metrics`, and returns TFMA's own protos."""
    for model, results in computed.items():
        for name, by_slice in results.numbers.items():
            metrics[model][name] = np.array([by_slice.get(key, math.nan) for key in slices.keys])
    return {model: results.protos for model, results in computed.items()}


def _nothing(target: Target, rows: int, excluded: Excluded, classes: Sequence[str]) -> str:
    if not rows:
        return "evaluate: the test split is empty: there is nothing to evaluate. Give it a share in data.split."
    unseen = ", ".join(value for value, _ in excluded.unseen_values.most_common(3))
    return (
        f"evaluate: none of the {rows} rows of the test split can be evaluated: in '{target.column}', {excluded.missing} are "
        f"missing and {excluded.unseen} are no class of the model{f' (such as {unseen})' if unseen else ''}. "
        f"{f'The model knows: {chr(44).join(classes[:10])}. ' if classes else ''}Look at the split and at the target column."
    )
