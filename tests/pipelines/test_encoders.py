"""An encoder is an argument of train alone: to change it runs the transform not again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stellwerk.loading import load
from stellwerk.pipelines.cache import key
from stellwerk.pipelines.graph import Step, graph

SPEC = """\
name: mails
data: {{sources: {{mails: mails.csv}}}}
features:
  text: {text}
  {more}
target: {{column: spam, type: binary}}
model: {model}
"""
WORDS = "type: text, encoding: tokens"


@pytest.fixture
def steps(tmp_path: Path):
    """`steps(text, more, model)`: the steps transform and train of a spec with these features."""
    (tmp_path / "own.py").write_text("def encode(inputs): ...\ndef build(inputs): ...\n", encoding="utf-8")

    def of(text: str = f"{{{WORDS}}}", more: str = "", model: str = "{type: dense}") -> tuple[Step, Step]:
        spec = tmp_path / "p.yaml"
        spec.write_text(SPEC.format(text=text, more=more, model=model), encoding="utf-8")
        made = graph(load(spec))
        return made.step("transform"), made.step("train")

    return of


def _keys(steps: tuple[Step, Step]) -> list[str]:
    return [key(step, {}, {}) for step in steps]


@pytest.mark.parametrize("encoder", ["lstm", "{type: gru, units: 8}", "own.py:encode"])
def test_another_encoder_changes_what_train_is_given_and_nothing_that_transform_is(steps, encoder: str):
    transform, train = _keys(steps())
    other_transform, other_train = _keys(steps(f"{{{WORDS}, encoder: {encoder}}}"))
    assert other_transform == transform
    assert other_train != train


def test_the_function_of_an_encoder_travels_to_train(steps):
    transform, train = steps(f"{{{WORDS}, encoder: own.py:encode}}")
    assert transform.parameters["hooks"] == {}
    assert train.parameters["hooks"].keys() == {"own.py"}


def _said(step: Step) -> dict[str, Any]:
    return step.parameters["encoding"]


def test_features_without_an_encoder_are_left_out_but_beside_a_pattern_with_one(steps):
    pattern = f'"note_*": {{{WORDS}, encoder: lstm}}'
    assert _said(steps()[1]) == {}
    assert _said(steps(f"{{{WORDS}, encoder: gru}}", "age: {type: number}")[1]).keys() == {"text"}
    beside = _said(steps(more=pattern)[1])
    assert beside["text"] == {}
    assert beside["note_*"]["encoder"]["type"] == "lstm"
