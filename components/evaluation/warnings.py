"""What a reader should know before trusting the metrics of a model: sentences for the report and for the end of a run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from stellwerk.components.evaluation.metrics import gain
from stellwerk.components.evaluation.simple import LINEAR
from stellwerk.showing import few
from stellwerk.spec.target import Target
from stellwerk.tasks.classes import shares

FAR = 3.0
"""A share of the test split that is so many deviations from that of the train split is no accident of dealing."""


def warnings(
    found: Mapping[str, Any], target: Target, trivial: Sequence[float], classes: Sequence[str]
) -> Iterator[str]:
    """Yields a sentence for each; `found` is what `evaluation.json` holds, `trivial` what the train split's rows are like."""
    whole, main = found["slices"][0], found["main"]
    yield from _strangers(found.get("excluded"), target)
    yield from _never_predicted(found.get("confusion"), classes)
    yield from _silent(found.get("labels", ()))
    yield from _other_shares(found.get("confusion"), target, trivial, classes)
    value, linear = whole["metrics"].get(main), found["baselines"].get(LINEAR, {}).get(main)
    if value is None or linear is None:
        return
    low, high = whole["intervals"].get(main, (math.nan, math.nan))
    if gain(main, value, linear) < 0:
        yield (
            f"A linear model is better: its {main} is {linear:.4f}, the model's {value:.4f}. It is smaller and easier to explain; "
            "or the network learns for too short a time, or too much by heart."
        )
    elif low <= linear <= high and value != linear:
        yield (
            f"With 95 % confidence {main} is between {low:.4f} and {high:.4f}, as the test split has {whole['examples']:,} examples: "
            f"too few to tell the model from a linear one ({linear:.4f}). More rows, or a larger test split, would."
        )


def _strangers(excluded: Mapping[str, Any] | None, target: Target) -> Iterator[str]:
    """Labels of rows that were counted, of which the model knows nothing."""
    if target.about.several and excluded is not None and excluded["unseen_values"]:
        shown = few([f"'{one['value']}' ({one['examples']:,} rows)" for one in excluded["unseen_values"]])
        yield f"The model does not know all labels of the test split: {shown}. The rows were counted as if they had none of these."


def _never_predicted(confusion: Mapping[str, Any] | None, classes: Sequence[str]) -> Iterator[str]:
    """Classes that rows of the test split have and the model says of none."""
    if confusion is None:
        return
    counts = np.array(confusion["counts"])
    silent = np.flatnonzero((counts.sum(axis=1) > 0) & (counts.sum(axis=0) == 0))
    if not len(silent):
        return
    names = [f"'{confusion['classes'][place]}'" for place in silent]
    rows = int(counts.sum(axis=1)[silent].sum())
    rare = (
        "evaluate.threshold or train.class_weights: balanced" if len(classes) == 2 else "train.class_weights: balanced"
    )
    yield (
        f"{few(names)} {'is' if len(names) == 1 else 'are'} never predicted, and {rows:,} of the "
        f"{int(counts.sum()):,} examples of the test split {'is' if rows == 1 else 'are'} that. Where that matters: {rare}."
    )


def _silent(labels: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Labels that rows of the test split have and the model says of none."""
    silent = [f"'{one['label']}'" for one in labels if one["examples"] and not one["predicted"]]
    if silent:
        yield (
            f"{few(silent)} {'is' if len(silent) == 1 else 'are'} never predicted, though rows of the test split have "
            f"{'it' if len(silent) == 1 else 'them'}. Where that matters: evaluate.threshold or train.class_weights: balanced."
        )


def _other_shares(
    confusion: Mapping[str, Any] | None, target: Target, trivial: Sequence[float], classes: Sequence[str]
) -> Iterator[str]:
    """Classes that the test split has much more or less of than the train split."""
    if confusion is None or not trivial:
        return
    learned = dict(zip(classes, shares(trivial), strict=True))
    counts = np.array(confusion["counts"]).sum(axis=1)
    rows = counts.sum()
    expected = np.array([learned[name] for name in confusion["classes"]])
    deviation = np.sqrt(np.maximum(expected * (1 - expected), 1e-9) / max(rows, 1))
    far = np.abs(counts / max(rows, 1) - expected) / deviation
    worst = int(np.argmax(far))
    if far[worst] > FAR:
        yield (
            f"{counts[worst] / rows:.1%} of the test split is '{confusion['classes'][worst]}', and {expected[worst]:.1%} of the train "
            f"split: more than chance explains. data.split.stratify: {target.column} gives every split its share; a split "
            "by time or key cannot."
        )
