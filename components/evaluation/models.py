"""The models of an evaluation: the one that is judged, its variants, and the last blessed one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.evaluation.predicting import SPLIT, Predictor
from stellwerk.components.evaluation.simple import Simple, simple_models
from stellwerk.components.evaluation.tfma_files import BASELINE, CANDIDATE
from stellwerk.components.evaluation.variants import Transformed, VariantPredictor
from stellwerk.errors import DataError, ModelError
from stellwerk.serving.loading import LoadedModel
from stellwerk.serving.runtimes import Variant
from stellwerk.serving.runtimes.description import variant_folders
from stellwerk.spec.target import Target

MANY_ROWS = 100_000
"""From here on a graph that is optimised first is asked faster than it takes to optimise it."""


@dataclass(frozen=True)
class Models:
    """The model that is evaluated, the last blessed one where it can be compared, and why not where it cannot."""

    predictors: tuple[Predictor, ...]
    incomparable: str | None
    variants: tuple[VariantPredictor, ...] = ()
    """The candidate in other formats, where there are any."""
    simple: tuple[Simple, ...] = ()
    """What the candidate has to be better than, as far as it was exported with it."""

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
    folders = variant_folders(model)
    # Its speed is shown beside that of its variants: then it has to be as fast as TensorFlow Serving makes it.
    optimized = bool(folders) or examples.rows(SPLIT) >= MANY_ROWS
    with contextlib.ExitStack() as stack:
        candidate = Predictor(stack.enter_context(LoadedModel(model, optimized=optimized)), target)
        candidate.check(examples.columns)
        simple = simple_models(candidate, target, examples)
        variants = _variants(candidate, [stack.enter_context(Variant(folder)) for folder in folders])
        if baseline is None:
            yield Models((candidate,), None, variants, simple)
            return
        try:
            before = Predictor(
                stack.enter_context(LoadedModel(baseline, optimized=optimized)), target, candidate.classes
            )
            before.check(examples.columns)
        except (ModelError, DataError) as error:
            yield Models((candidate,), str(error), variants, simple)
            return
        yield Models((candidate, before), None, variants, simple)


def _variants(candidate: Predictor, variants: Sequence[Variant]) -> tuple[VariantPredictor, ...]:
    if not variants:
        return ()
    transformed = Transformed(candidate.model)
    return tuple(VariantPredictor(candidate, variant, transformed) for variant in variants)
