"""A metric is one entry of one table: every part of it is there, and nobody else has a list of their names."""

from __future__ import annotations

from collections import Counter
from typing import get_args

import pytest

from stellwerk.metrics import HEADLINES, METRICS, Direction, badness, bounds
from stellwerk.report.wording import titled
from stellwerk.spec.documentation import json_schema, reference
from stellwerk.spec.evaluate import Evaluate
from stellwerk.spec.reach import out_of_reach
from stellwerk.tasks import TASKS
from stellwerk.tasks.measures import by_task, measures, of_losses, suiting, usual

WITHOUT_TFMA = {"mase", "smape", "pinball", "hamming_loss", "accuracy of multilabel"}
"""Metrics that TFMA does not have."""


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_has_every_part(name):
    metric = METRICS[name]
    assert metric.name == name
    assert metric.better in get_args(Direction)
    assert metric.title == titled(name)
    assert metric.title[:1].isupper()
    assert metric.scale.unit
    assert by_task(name)
    for task, measure in by_task(name).items():
        assert measure.tfma[:1].isupper() or (not measure.tfma and {name, f"{name} of {task}"} & WITHOUT_TFMA)
        module, _, attribute = measure.formula.partition(":")
        assert module.startswith(f"{TASKS.own[task]}.")
        assert attribute
        assert not measure.of_losses or metric.better == "lower", "a loss is better when it is lower"


@pytest.mark.parametrize("name", METRICS)
def test_the_spec_takes_every_metric_and_the_reference_names_it(name):
    assert Evaluate(metrics=(name,), require={name: {"min_gain": 0}}).metrics == (name,)
    assert name in str(json_schema()["$defs"]["Evaluate"]["properties"]["metrics"])
    assert f"| `{name}` | {METRICS[name].title} |" in reference()


@pytest.mark.parametrize("name", METRICS)
def test_a_bound_that_no_model_can_reach_is_told(name):
    least, most = bounds(name)
    asked = {"min": most + 1} if most is not None else {"max": least - 1} if least is not None else {"min": 1e9}
    told = list(out_of_reach(Evaluate(require={name: asked})))
    assert bool(told) == (least is not None or most is not None)


@pytest.mark.parametrize("name", METRICS)
def test_what_is_better_is_less_bad(name):
    better, worse = {"higher": (0.9, 0.1), "lower": (0.1, 0.9), "one": (1.1, 0.8), "none": (0.9, 0.1)}[
        METRICS[name].better
    ]
    assert badness(name, better) < badness(name, worse)


@pytest.mark.parametrize("task", tuple(TASKS))
def test_every_type_of_target_has_what_is_measured_by_itself(task):
    assert set(usual(task)) <= set(suiting(task)) == set(measures(task))
    assert METRICS[usual(task)[0]].better in ("higher", "lower"), "the first decides"
    places = [measure.usual for measure in measures(task).values() if measure.usual]
    assert sorted(places) == list(range(1, len(places) + 1))
    assert of_losses(task)[0] in measures(task)
    assert sum(bool(measure.of_losses) for measure in measures(task).values()) == 1
    assert set(HEADLINES) & set(measures(task))


def test_what_a_type_of_target_measures_is_in_the_table():
    for task in TASKS:
        assert set(TASKS.part(task, "metrics").MEASURES) <= set(METRICS)


def test_headlines_have_places_of_their_own():
    places = Counter(metric.headline for metric in METRICS.values() if metric.headline)
    assert set(places.values()) == {1}
