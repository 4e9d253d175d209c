"""Evaluate: the test split through the exported model, metrics for every slice, and whether the model is blessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.artifacts.folders import write_json, written_aside
from stellwerk.components.artifacts.verdicts import judged
from stellwerk.components.evaluation.explaining import explained
from stellwerk.components.evaluation.measuring import Measurement, measure
from stellwerk.components.evaluation.metrics import check_requirements, check_slices, choose_metrics, main_metric
from stellwerk.components.evaluation.models import Models, opened
from stellwerk.components.evaluation.predicting import SPLIT
from stellwerk.components.evaluation.requirements import Check, check_all
from stellwerk.components.evaluation.tfma_files import Evaluated, write_tfma_files
from stellwerk.components.evaluation.variants import saved_model_row
from stellwerk.components.evaluation.warnings import warnings
from stellwerk.progress import Progress, silent
from stellwerk.showing import readable
from stellwerk.spec.beam import Beam
from stellwerk.spec.evaluate import Evaluate
from stellwerk.spec.target import Target

if TYPE_CHECKING:
    from stellwerk.components.evaluation.tfma_beam import OtherMetrics


def evaluate(
    *,
    settings: Evaluate,
    target: Target,
    hooks: dict[str, str],
    examples: Path | str,
    model: Path,
    baseline: Path | None = None,
    evaluation: Path,
    blessing: Path,
    progress: Progress = silent,
    beam: Beam | None = None,
) -> None:
    """Measures `model`, and `baseline` (the last blessed model) on the same rows, and says whether the model is blessed.

    A model with variants (`variants/<format>/`, see `convert`) is blessed only when each of them, in its own runtime, meets
    every requirement too.

    With `beam` its workers ask the models. Writes `evaluation` (TFMA's files and `evaluation.json`) and `blessing` (`blessing.json`). `blessing.json` names the digest of `model`. A model that is refused raises
    nothing here; pushing it does.

    Raises DataError, before any work, for a metric that does not suit the target or a slice that cannot be made; DataError for
    a test split without a label to compare with; ModelError for a model that does not load or answer, or is changed
    meanwhile; HookError for a metric
    of the user's own that cannot be used.
    """
    data = Examples.open(examples)
    standard, named = choose_metrics(settings, target)
    check_slices(settings.slices, data.columns)
    check_requirements(settings.require, settings.slices)
    others = _other_metrics(named, hooks)
    with written_aside(evaluation) as folder, written_aside(blessing) as verdict, judged(model) as about:
        if others is not None and beam is None:
            others.start(folder / "predictions")
        with opened(model, baseline, target, data) as models:
            asked: dict[str, Any] = {"examples": data, "target": target, "settings": settings, "standard": standard}
            if beam is None:
                measurement = measure(models, **asked, others=others, progress=progress)
            else:
                measurement = _measured_on(beam, models, **asked, others=others, beside=evaluation)
                progress(data.rows(SPLIT), data.rows(SPLIT))
            main, simple = main_metric(settings, target), measurement.baselines()

            def checked(variant: str | None = None) -> list[Check]:
                return check_all(settings, main, measurement.rows(variant), simple, models.incomparable)

            checks, of_variants = checked(), {name: checked(name) for name in models.formats}
            variants = _variants(models, measurement, checks, of_variants)
            candidate = models.predictors[0]
            explanation, unexplained = explained(candidate, data, target)
        write_tfma_files(folder, _evaluated(settings, target.type, examples, models, measurement), checks)
        found = {"main": main, **measurement.as_json(), **variants, **explanation, "data": data.origin}
        said = list(warnings(found, target, candidate.about.get("trivial") or (), candidate.classes))
        write_json(folder / "evaluation.json", {**found, "warnings": [*map(readable, said), *unexplained]})
        requirements = [check.as_json() for check in checks]
        requirements += [check.as_json(name) for name, own in of_variants.items() for check in own]
        blessed = all(requirement["ok"] for requirement in requirements)
        write_json(verdict / "blessing.json", {"blessed": blessed, "requirements": requirements, **about})


def _other_metrics(names: Sequence[str], hooks: Mapping[str, str]) -> OtherMetrics | None:
    """Loads TFMA only where a metric needs it: its import takes longer than the whole evaluation without it."""
    if not names:
        return None
    from stellwerk.components.evaluation.tfma_beam import OtherMetrics  # noqa: PLC0415

    return OtherMetrics(names, hooks)


def _measured_on(beam: Beam, models: Models, **asked: Any) -> Measurement:
    from stellwerk.components.evaluation.on_beam import measure_on  # noqa: PLC0415 - Beam costs seconds to load

    return measure_on(beam, models, **asked)


def _variants(
    models: Models, measured: Measurement, checks: Sequence[Check], of_variants: Mapping[str, Sequence[Check]]
) -> dict[str, Any]:
    """Returns the SavedModel and its variants side by side, for `evaluation.json`; nothing where there are no variants."""
    if not models.variants:
        return {}
    whole = saved_model_row(
        models.variants[0].transformed, models.predictors[0].model.path, measured.overall(), all(c.ok for c in checks)
    )
    rows = [one.as_json(measured.overall(one.format), of_variants[one.format]) for one in models.variants]
    return {"variants": [whole, *rows]}


def _evaluated(settings: Evaluate, kind: str, data: Path | str, models: Models, measured: Measurement) -> Evaluated:
    slices = measured.slices
    return Evaluated(
        settings=settings,
        kind=kind,
        data=data,
        models=models.by_name,
        names=measured.standard,
        keys=slices.keys,
        order=slices.order(),
        examples=measured.examples,
        metrics={name: measured.metrics[name] for name in models.by_name},
        confusions={name: measured.tallies[name].confusions(len(slices)) for name in models.by_name},
        extra=measured.extra,
    )
