"""The spec is documented once, in its classes: the schema for editors and the reference are made from them."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from stellwerk.loading import load
from stellwerk.loading.parsing import parse_value
from stellwerk.spec import Spec
from stellwerk.spec.documentation import json_schema, reference, sections
from stellwerk.spec.meanings import meanings

ROOT = Path(__file__).parents[2]
SECTIONS = {f"{path} {section.__name__}": section for path, section in sections() if path}


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def read(text: str) -> dict[str, object]:
    """Reads YAML as the loader does."""
    value: dict[str, object] = parse_value(text, {}).value(("value",))
    return value


def with_base(base: str, more: str) -> dict[str, object]:
    """Returns the short spec with the sections of `more`."""
    return {**read(base), **read(more)}


def test_the_committed_schema_is_up_to_date():
    command = "stellwerk schema --json > docs/pipeline.schema.json"
    committed = json.loads((ROOT / "docs/pipeline.schema.json").read_text(encoding="utf-8"))
    assert committed == json_schema(), f"the spec has changed; run: {command}"


def test_the_committed_reference_is_up_to_date():
    command = "python -m stellwerk.spec.documentation > docs/spec.md"
    assert (ROOT / "docs/spec.md").read_text(encoding="utf-8") == reference(), f"the spec has changed; run: {command}"


def test_the_schema_accepts_the_example(validator):
    text = (ROOT / "examples/flight-delays/pipeline.yaml").read_text(encoding="utf-8")
    assert list(validator.iter_errors(read(text))) == []


@pytest.mark.parametrize(
    "more",
    [
        "data: {sources: {a: a.csv}}",
        "data: {sources: {a: [a.csv, b.csv]}}",
        "data: {sources: {a: {path: a.csv}}}",
        "data: {sources: {a: a.csv}, split: {by: column, column: month, train: 1, eval: [2, 3], test: x}}",
        "data: {sources: {a: a.csv}, split: {by: time, column: t, eval_from: 2013-10-01, test_from: 2013-11-01T05:00:00Z}}",
        "features: {a: {transform: hook.py:build}}",
        "features: {a: {type: text, encoding: tokens, encoder: lstm}}",
        "features: {a: {type: text, encoding: tokens, encoder: {type: gru, units: 8}}}",
        "features: {a: {type: number, encoder: 'hook.py:build'}}",
        "model: {build: hook.py:build, parameters: {a: 1, b: [x, y], c: true}}",
        "train: {optimizer: sgd, class_weights: balanced}",
        "train: {optimizer: {type: sgd}, class_weights: {a: 1}}",
        "train: {rebalance: oversample, class_weights: {a: 1}}",
        "evaluate: {metrics: [auc, MinLabelPosition, 'hook.py:Metric'], require: {'hook.py:Metric': {min: 1}}}",
    ],
)
def test_the_schema_and_the_loader_accept_every_short_form(validator, write_spec, tmp_path, spec_text, more: str):
    (tmp_path / "hook.py").write_text("def build(x): ...\nclass Metric: ...\n", encoding="utf-8")
    merged = with_base(spec_text, more)
    assert [error.message for error in validator.iter_errors(merged)] == []
    load(write_spec(whole=yaml.safe_dump(merged)))


@pytest.mark.parametrize(
    "more",
    [
        "trian: {}",
        "train: {epochs: x}",
        "train: {optimizer: adm}",
        "features: {a: {type: categorie}}",
        "features: {a: {}}",
        "evaluate: {metrics: [auk]}",
        "data: {sources: {a: 3}}",
        "data: {sources: {a: a.csv}, split: {key: [a]}}",
        "name: Flights",
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(validator, spec_text, more: str):
    assert list(validator.iter_errors(with_base(spec_text, more))) != []


@pytest.mark.parametrize("path", SECTIONS)
def test_the_example_of_every_section_loads_and_fits_the_schema(validator, write_spec, tmp_path, spec_text, path: str):
    for name in ("features.py:speed", "model.py:build", "encoders.py:pooled"):
        file, _, function = name.partition(":")
        (tmp_path / file).write_text(f"def {function}(x): ...\n", encoding="utf-8")
    example = SECTIONS[path].EXAMPLE
    assert path.partition(" ")[0].partition(".")[0] in example, "an example shows where its keys are written"
    merged = with_base(spec_text, example)
    merged["data"] = {"sources": {"flights": "flights.csv"}, "query": "SELECT 1", **merged["data"]}
    assert [error.message for error in validator.iter_errors(merged)] == []
    load(write_spec(whole=yaml.safe_dump(merged)))


def test_every_key_says_what_it_means():
    silent = [
        f"{section.__name__}.{name}"
        for _, section in sections()
        for name in section.model_fields
        if not meanings(section).get(name) and name not in ("type", "by")
    ]
    assert silent == []


def test_every_section_of_the_spec_is_in_the_reference():
    text = reference()
    assert all(f"`{path.split()[0]}`" in text for path in SECTIONS)
    assert Spec.__doc__ in text
