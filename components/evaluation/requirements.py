"""What the spec requires of the metrics, checked: one row and one sentence for each bound and slice."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from stellwerk.components.evaluation.metrics import gain
from stellwerk.spec.evaluate import Bound, Evaluate

SIMPLEST = "trivial"
"""Means the simplest baseline that the task has: it comes first among those that were measured."""

BoundName = Literal["min", "max", "min_gain", "over"]


@dataclass(frozen=True)
class Measured:
    """Metrics of one slice, of the model and of the last blessed one (None: there is none to compare with)."""

    number: int
    slice: Mapping[str, str | int]
    examples: int
    metrics: Mapping[str, float]
    baseline: Mapping[str, float] | None

    @property
    def name(self) -> str:
        """The slice in words."""
        return ", ".join(f"{column}={value}" for column, value in self.slice.items()) or "the whole test split"


@dataclass(frozen=True)
class Check:
    """One bound asked of one metric on one slice."""

    metric: str
    measured: Measured
    bound: BoundName
    required: float
    value: float
    ok: bool
    sentence: str
    difference: float | None
    over: str | None = None
    """The baseline that the model has to be better than, for the bound of this name."""

    def as_json(self, variant: str | None = None) -> dict[str, Any]:
        """Returns the row as `blessing.json` has it, that of a variant with its format; what is not defined is null."""
        baseline = self.measured.baseline
        row = {
            "metric": self.metric,
            "slice": dict(self.measured.slice),
            "examples": self.measured.examples,
            "bound": self.bound,
            "required": self.required,
            "value": _finite(self.value),
            "difference": _finite(self.difference),
            "ok": self.ok,
            "sentence": f"{variant}: {self.sentence}" if variant else self.sentence,
            **({"variant": variant} if variant else {}),
            **({"over": self.over} if self.over else {}),
        }
        if self.bound == "min_gain" and baseline is not None:
            row["baseline"] = _finite(baseline[self.metric])
        return row


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def check_all(
    settings: Evaluate,
    main: str,
    rows: Sequence[Measured],
    baselines: Mapping[str, Mapping[str, float | None]],
    incomparable: str | None = None,
) -> list[Check]:
    """Checks every requirement on the whole split (the first row) and, where asked, on every slice that is large enough.

    Beside what the spec names, the `main` metric has to be better than that of a baseline, and no worse than that of the last
    blessed model, as `settings` say. `incomparable` says why the last blessed model could not be measured on this data, if
    it could not.
    """
    checks: list[Check] = []
    for metric, requirement in settings.require.items():
        checks += _bounds(metric, requirement, rows[0], incomparable)
        if requirement.over is not None:
            checks.append(_over(metric, rows[0], requirement.over, requirement.by or 0.0, baselines))
        if requirement.per_slice is not None:
            for measured in rows[1:]:
                if measured.examples >= settings.min_slice_size:
                    checks += _bounds(metric, requirement.per_slice, measured, incomparable)
    return [*checks, *_by_default(settings, main, rows[0], baselines)]


def _by_default(
    settings: Evaluate, main: str, whole: Measured, baselines: Mapping[str, Mapping[str, float | None]]
) -> Iterator[Check]:
    """What is asked without being named: only where it can be answered."""
    named = settings.require.get(main)
    if math.isfinite(whole.metrics[main]):
        over = next(iter(baselines), settings.over) if settings.over == SIMPLEST else settings.over
        if over in baselines and (named is None or named.over is None):
            yield _over(main, whole, over, 0.0, baselines)
        before = whole.baseline[main] if whole.baseline is not None else math.nan
        asked = settings.min_gain if named is None or named.min_gain is None else None
        if asked is not None and math.isfinite(before):
            yield _compared(main, whole, asked, None)


def _over(
    metric: str, measured: Measured, over: str, by: float, baselines: Mapping[str, Mapping[str, float | None]]
) -> Check:
    """Checks that a metric is better than a baseline's: by more than nothing, or by at least `by`."""
    value = measured.metrics[metric]

    def check(ok: bool, sentence: str, difference: float | None = None) -> Check:
        return Check(metric, measured, "over", by, value, ok, sentence, difference, over)

    if not math.isfinite(value):
        return _undefined(metric, measured, "over", by, over)
    if over not in baselines:
        remedy = f"Train the model again, or take over out of evaluate.require.{metric}."
        return check(False, f"{metric} of the {over} baseline is not known, as the model came without it. {remedy}")
    simple = baselines[over].get(metric)
    if simple is None:
        nothing = f"{metric} of the {over} baseline is not defined on {measured.name}: any value is better."
        return check(True, nothing)
    difference = gain(metric, value, simple)
    moved = f"{abs(difference):.4g} {'better' if difference > 0 else 'worse'} than" if difference else "the same as"
    asked = f"a gain of at least {by:.6g} is required" if by else "it has to be better"
    sentence = f"{metric} is {value:.4f} on {measured.name}, {moved} the {over} baseline's {simple:.4f}; {asked}."
    return check(difference >= by if by else difference > 0, sentence, difference)


def _bounds(metric: str, bound: Bound, measured: Measured, incomparable: str | None) -> Iterator[Check]:
    if bound.min is not None:
        yield _absolute(metric, measured, "min", bound.min)
    if bound.max is not None:
        yield _absolute(metric, measured, "max", bound.max)
    if bound.min_gain is not None and (measured.baseline is not None or not measured.slice):
        yield _compared(metric, measured, bound.min_gain, incomparable)


def _absolute(metric: str, measured: Measured, bound: BoundName, required: float) -> Check:
    value = measured.metrics[metric]
    words = "minimum" if bound == "min" else "maximum"
    if not math.isfinite(value):
        return _undefined(metric, measured, bound, required)
    difference = value - required
    ok = difference >= 0 if bound == "min" else difference <= 0
    side = "above" if difference > 0 else "below"
    apart = (
        f"{abs(difference):.4g} {side} the required {words} of {required:.6g}" if difference else f"exactly the {words}"
    )
    sentence = f"{metric} is {value:.4f} on {measured.name}, {apart}."
    return Check(metric, measured, bound, required, value, ok, sentence, difference)


def _compared(metric: str, measured: Measured, required: float, incomparable: str | None) -> Check:
    value = measured.metrics[metric]

    def check(ok: bool, sentence: str, difference: float | None = None) -> Check:
        return Check(metric, measured, "min_gain", required, value, ok, sentence, difference)

    if incomparable is not None:
        return check(
            False,
            f"{metric} cannot be compared with the last blessed model's: {incomparable} "
            f"Take min_gain out of evaluate.require.{metric} for one run if that is meant.",
        )
    before = math.nan if measured.baseline is None else measured.baseline[metric]
    if not math.isfinite(value) and (measured.baseline is None or math.isfinite(before)):
        return _undefined(metric, measured, "min_gain", required)
    if measured.baseline is None:
        return check(
            True, f"{metric} is {value:.4f} on {measured.name}; there is no blessed model to compare with yet."
        )
    if not math.isfinite(before):
        return check(
            True, f"{metric} of the last blessed model is not defined on {measured.name}: nothing to compare with."
        )
    difference = gain(metric, value, before)
    moved = f"{abs(difference):.4g} {'better' if difference > 0 else 'worse'} than" if difference else "the same as"
    sentence = (
        f"{metric} is {value:.4f} on {measured.name}, {moved} the last blessed model's {before:.4f}; "
        f"a gain of at least {required:.6g} is required."
    )
    return check(difference >= required, sentence, difference)


def _undefined(metric: str, measured: Measured, bound: BoundName, required: float, over: str | None = None) -> Check:
    remedy = "Raise evaluate.min_slice_size to leave small slices out." if measured.slice else "Look at the test split."
    sentence = (
        f"{metric} is not defined on {measured.name} ({measured.examples} examples, for example all of one class or none "
        f"predicted positive), and {bound} {required:.6g} is required. {remedy}"
    )
    return Check(metric, measured, bound, required, math.nan, False, sentence, None, over)
