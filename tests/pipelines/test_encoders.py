"""An encoder is an argument of train alone: to change it runs the transform not again."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from stellwerk.errors import SpecError
from stellwerk.loading import load
from stellwerk.pipelines.cache import key
from stellwerk.pipelines.docker.access import access
from stellwerk.pipelines.docker.mounts import mounts
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


BEGINS = b"\x89HDF\r\n\x1a\n"


def _with_weights(file: str, more: str = "") -> str:
    return f"{{type: image, encoder: {{type: application, name: VGG16, weights: {file}{more}}}}}"


def test_other_bytes_of_weights_train_again_wherever_the_file_is(steps, tmp_path: Path):
    (tmp_path / "one.h5").write_bytes(BEGINS + b"1")
    transform, train = steps(_with_weights("one.h5"))
    said = _said(train)["text"]["encoder"]
    assert said["weights"] == "one.h5"
    assert said["sha256"] == hashlib.sha256(BEGINS + b"1").hexdigest()
    (tmp_path / "one.h5").write_bytes(BEGINS + b"22")
    other_transform, other_train = _keys(steps(_with_weights("one.h5")))
    assert (other_transform == key(transform, {}, {}), other_train == key(train, {}, {})) == (True, False)
    there = _said(steps(_with_weights("gs://bucket/one.h5", f", sha256: {'a' * 64}"))[1])["text"]["encoder"]
    assert there["sha256"] == "a" * 64


def test_weights_that_are_not_those_the_spec_means_are_refused_with_their_line(steps, tmp_path: Path):
    (tmp_path / "one.h5").write_bytes(BEGINS)
    with pytest.raises(SpecError) as told:
        steps(_with_weights("one.h5", f", sha256: {'a' * 64}"))
    assert "p.yaml:4: features.text.encoder.sha256: is not that of 'one.h5', which has " in str(told.value)


@pytest.mark.parametrize("name", ["vgg.h5", "vgg.keras"])
def test_a_file_that_is_no_file_of_weights_is_told_by_check(steps, tmp_path: Path, name: str):
    (tmp_path / name).write_bytes(b"<html>not found</html>")
    with pytest.raises(SpecError) as told:
        steps(_with_weights(name))
    assert f"p.yaml:4: features.text.encoder.weights: '{name}' is not " in str(told.value)
    assert "it begins with b'<html>no'. Give a file that Keras saved." in str(told.value)


def test_a_container_sees_the_folder_of_weights_and_reaches_their_store(steps, tmp_path: Path):
    (tmp_path / "mails.csv").write_text("text,spam\na,0\n")
    (tmp_path / "learned").mkdir()
    (tmp_path / "learned" / "one.h5").write_bytes(BEGINS)
    beside = tmp_path.parent / f"{tmp_path.name}-beside"
    beside.mkdir()
    (tmp_path / "learned" / "two.h5").symlink_to(beside / "two.h5")
    (beside / "two.h5").write_bytes(BEGINS)
    steps(_with_weights("learned/two.h5"))
    loaded = load(tmp_path / "p.yaml")
    assert {str(tmp_path), str(beside)} <= mounts(loaded).keys()
    assert not access(loaded.spec, "train").network
    steps(_with_weights("gs://bucket/one.h5", f", sha256: {'a' * 64}"))
    spec = load(tmp_path / "p.yaml").spec
    assert [access(spec, step).network for step in ("ingest", "train", "push")] == [False, True, False]
