"""Measures models on the same rows of a split: metrics of each for all slices, from one pass over the data."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.evaluation.counts import Array
from stellwerk.components.evaluation.predicting import SPLIT, Excluded, Predictor, predictions
from stellwerk.components.evaluation.requirements import Measured
from stellwerk.components.evaluation.slices import SliceKey, Slices
from stellwerk.components.evaluation.tallies import Tally, new_tally
from stellwerk.components.evaluation.tfma_files import BASELINE, CANDIDATE
from stellwerk.components.evaluation.variants import Transformed, VariantPredictor
from stellwerk.errors import DataError, ModelError
from stellwerk.progress import Progress
from stellwerk.serving.loading import LoadedModel
from stellwerk.serving.runtimes import Variant
from stellwerk.serving.runtimes.description import variant_folders
from stellwerk.spec.evaluate import Evaluate
from stellwerk.spec.target import Target

if TYPE_CHECKING:
    from stellwerk.components.evaluation.tfma_beam import OtherMetrics


@dataclass(frozen=True)
class Models:
    """The model that is evaluated, the last blessed one where it can be compared, and why not where it cannot."""

    predictors: tuple[Predictor, ...]
    incomparable: str | None
    variants: tuple[VariantPredictor, ...] = ()
    """The candidate in other formats, where there are any."""

    @property
    def names(self) -> list[str]:
        """Names of all that is asked, in the order of their predictions: models, then formats of variants."""
        return [*self.by_name, *self.formats]

    @property
    def formats(self) -> list[str]:
        """Formats of the variants."""
        return [variant.format for variant in self.variants]

    @property
    def by_name(self) -> dict[str, Path]:
        """Folders of the models by the names that TFMA's files use."""
        names = (CANDIDATE, BASELINE) if len(self.predictors) > 1 else ("",)
        return {name: predictor.model.path for name, predictor in zip(names, self.predictors, strict=True)}


@contextlib.contextmanager
def opened(model: Path, baseline: Path | None, target: Target, examples: Examples) -> Iterator[Models]:
    """Loads the models while the block runs. A baseline that cannot answer for this data is left out, with the reason."""
    with contextlib.ExitStack() as stack:
        candidate = Predictor(stack.enter_context(LoadedModel(model)), target)
        candidate.check(examples.columns)
        variants = _variants(candidate, [stack.enter_context(Variant(folder)) for folder in variant_folders(model)])
        if baseline is None:
            yield Models((candidate,), None, variants)
            return
        try:
            before = Predictor(stack.enter_context(LoadedModel(baseline)), target, candidate.classes)
            before.check(examples.columns)
        except (ModelError, DataError) as error:
            yield Models((candidate,), str(error), variants)
            return
        yield Models((candidate, before), None, variants)


def _variants(candidate: Predictor, variants: Sequence[Variant]) -> tuple[VariantPredictor, ...]:
    if not variants:
        return ()
    transformed = Transformed(candidate.model)
    return tuple(VariantPredictor(candidate, variant, transformed) for variant in variants)


@dataclass(frozen=True)
class Measurement:
    """Metrics by model name, then metric, then slice number; what they were made of; and the rows left out."""

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
            "slices": [_row(measured) for measured in self.rows()],
            **next(iter(self.tallies.values())).details(),
        }

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
    slices, excluded = Slices(settings.slices), Excluded()
    classes = models.predictors[0].classes
    tallies = {name: new_tally(target.type, classes, settings.threshold, standard) for name in models.names}
    done, total = 0, examples.rows(SPLIT)
    for batch in predictions(examples, target, models.predictors, slices, excluded, variants=models.variants):
        for tally, answers in zip(tallies.values(), batch.predictions, strict=False):
            tally.add(batch.labels, answers, batch.groups)
        for variant, answers in zip(models.variants, batch.predictions[len(models.predictors) :], strict=False):
            variant.compare(batch.predictions[0], answers)
        if others is not None and batch.predictions:
            others.add(batch.labels, batch.predictions, batch.groups)
        done += batch.rows
        progress(done, total)
    counts = next(iter(tallies.values())).counts(len(slices))
    if not counts[0]:
        raise DataError(_nothing(target, done, excluded, classes))
    every = {name: tally.metrics(len(slices)) for name, tally in tallies.items()}
    metrics = {model: {name: values[name] for name in standard} for model, values in every.items()}
    extra = _add_others(metrics, others, slices) if others is not None else {}
    return Measurement(standard, slices, counts, metrics, tallies, extra, excluded)


def _add_others(
    metrics: dict[str, dict[str, Array]], others: OtherMetrics, slices: Slices
) -> dict[str, dict[SliceKey, Any]]:
    """Adds what TFMA computes to `metrics`, and returns TFMA's own protos."""
    computed = others.compute(list(metrics), slices.keys)
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
