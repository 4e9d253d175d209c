"""A step is declared once: its declaration fits its code in every part, and whoever walks steps knows none by name."""

from __future__ import annotations

import ast
import importlib
import re
import tomllib
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from stellwerk import components
from stellwerk.loading import load
from stellwerk.pipelines.arguments import argument, at
from stellwerk.spec import Spec
from stellwerk.steps import DECLARED, NAMES, STEPS, Step, leading_to, maker, output_named, parts
from stellwerk.steps.declaring import Kind

ROOT = Path(__file__).parents[2]
EVERYTHING = ["push.formats=[saved_model, litert]", "push.rehearse={}", "push.to=models"]
"""What the example's spec needs besides, to have every step."""


def work_of(step: Step) -> dict[str, bool]:
    """The arguments of a step's work, and whether each may be left out; read and not imported, which would load frameworks."""
    found = find_spec(step.work)
    assert found is not None
    assert found.origin is not None
    tree = ast.parse(Path(found.origin).read_text(encoding="utf-8"))
    (function,) = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == step.name)
    arguments = zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    return {each.arg: default is not None for each, default in arguments}


def face_of(step: Step) -> Any:
    return getattr(components, step.name).component_spec


def the_contract_of_imports_knows_its_package(step: Step) -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (apart,) = (contract for contract in contracts if contract["type"] == "independence")
    assert step.package in apart["modules"]


def the_name_is_one_that_kfp_and_python_take(step: Step) -> None:
    assert re.fullmatch(r"[a-z]+", step.name)


def the_sentence_is_that_of_the_face(step: Step) -> None:
    assert step.sentence == face_of(step).description


def the_work_is_given_every_argument(step: Step) -> None:
    given = {*step.parameters, *step.inputs, *step.wrote, *step.files, *step.earlier}
    given |= {name for name in (*step.context, *step.found, *step.told) if name in work_of(step)}
    lacking = {name for name, optional in work_of(step).items() if not optional} - given
    surplus = {*step.parameters, *step.inputs, *step.wrote, *step.files, *step.earlier} - work_of(step).keys()
    assert (lacking, surplus) == (set(), set())


def the_spec_says_what_it_requires_and_is_given(step: Step) -> None:
    loaded = load(ROOT / "examples/flight-delays/pipeline.yaml", EVERYTHING)
    assert at(loaded.spec, step.requires or "name")
    for keys in (*step.files.values(), *filter(None, step.earlier.values())):
        at(loaded.spec, keys)
    for source in step.parameters.values():
        assert not isinstance(argument(loaded, source), BaseModel)


def its_inputs_are_made_before_it(step: Step) -> None:
    for names in step.inputs.values():
        for name in names:
            assert NAMES.index(maker(name)) < NAMES.index(step.name)
    assert step.admits in ("", *(each.gate.artifact for each in DECLARED if each.gate is not None))
    assert not step.admits or "stop" in face_of(step).inputs


def its_outputs_have_the_types_that_the_face_says(step: Step) -> None:
    outputs = (*step.outputs, *step.aside)
    assert {each.kind for each in outputs} <= set(get_args(Kind))
    expected = {each.shown: f"system.{each.kind}" for each in outputs}
    expected |= {step.shows.page: "system.HTML"} if step.shows is not None else {}
    given = {name: each.type.partition("@")[0] for name, each in face_of(step).outputs.items()}
    assert {name: kind for name, kind in given.items() if kind.startswith("system.")} == expected
    assert ("Output" in given and given["Output"] == "String") == any(each.rows for each in step.outputs)


def its_readers_take_rows_where_they_lie(step: Step) -> None:
    for name, names in step.inputs.items():
        rows = any(output_named(each).rows for each in names)
        assert rows == (f"{name}_uri" in face_of(step).inputs)


def a_gate_says_whether_the_model_passed_or_refuses_itself(step: Step) -> None:
    judges = step.gate is not None and bool(step.gate.said)
    assert ("Output" in face_of(step).outputs and face_of(step).outputs["Output"].type == "Boolean") == judges
    if step.gate is not None:
        assert step.gate.artifact in step.wrote
        assert bool(step.gate.said) == bool(step.gate.refusal)
        assert step.gate.said or "stop" in face_of(step).inputs
        assert at(load(ROOT / "examples/flight-delays/pipeline.yaml").spec, step.gate.when[0] or "name")


def a_change_takes_the_place_of_what_it_is_given(step: Step) -> None:
    kinds = {dict: "Dict", int: "Integer", float: "Float", str: "String"}
    spec = load(ROOT / "examples/flight-delays/pipeline.yaml", EVERYTHING).spec
    for change in step.changes:
        assert face_of(step).inputs[change.argument].type == kinds[change.kind]
        assert face_of(step).inputs[change.argument].optional
        source = step.parameters[change.place[0]]
        assert change.spec == ".".join((source, *change.place[1:])), "it goes where the spec has it"
        at(spec, change.spec)
    assert set(step.told) <= face_of(step).inputs.keys()


def what_an_engine_fills_the_face_takes(step: Step) -> None:
    assert {*step.context, *step.found} <= face_of(step).inputs.keys()
    assert {f"{name}_uri" for name in step.earlier} <= face_of(step).inputs.keys()


def what_acts_on_the_world_says_so(step: Step) -> None:
    reaches_by_itself = {"sources": "data", "weights": "encoding", "models": "push_to"}
    if step.when == "always":
        assert all(reaches_by_itself[world] in step.parameters for world in step.world)
    assert step.cached or step.world, "what sees nothing outside may come from a cache"


def it_runs_on_beam_if_its_work_takes_that(step: Step) -> None:
    assert step.beam == ("beam" in work_of(step))


def without_tensorflow_its_package_names_none(step: Step) -> None:
    found = find_spec(step.package)
    assert found is not None
    assert found.submodule_search_locations is not None
    sources = [path for folder in found.submodule_search_locations for path in Path(folder).rglob("*.py")]
    names = any(re.search(r"^\s*import tensorflow", path.read_text(encoding="utf-8"), re.MULTILINE) for path in sources)
    assert not names or step.tensorflow
    assert step.tensorflow or not step.accelerator


def what_it_shows_there_is(step: Step) -> None:
    if step.shows is not None:
        module, _, function = step.shows.view.partition(":")
        assert callable(getattr(importlib.import_module(module), function))
        page = importlib.import_module("stellwerk.report.page")
        assert set(step.shows.sections) <= page.TITLES.keys()
        assert {step.shows.scalars, step.shows.curves} - {""} <= set(step.wrote)
        assert not step.shows.curves or output_named(step.shows.curves).kind == "ClassificationMetrics"


EVERY_PART: tuple[Callable[[Step], None], ...] = (
    the_contract_of_imports_knows_its_package,
    the_name_is_one_that_kfp_and_python_take,
    the_sentence_is_that_of_the_face,
    the_work_is_given_every_argument,
    the_spec_says_what_it_requires_and_is_given,
    its_inputs_are_made_before_it,
    its_outputs_have_the_types_that_the_face_says,
    its_readers_take_rows_where_they_lie,
    a_gate_says_whether_the_model_passed_or_refuses_itself,
    a_change_takes_the_place_of_what_it_is_given,
    what_an_engine_fills_the_face_takes,
    what_acts_on_the_world_says_so,
    it_runs_on_beam_if_its_work_takes_that,
    without_tensorflow_its_package_names_none,
    what_it_shows_there_is,
)


@pytest.mark.parametrize("part", EVERY_PART, ids=lambda part: part.__name__)
@pytest.mark.parametrize("step", NAMES)
def test_every_part_of_a_declaration_fits_the_step(step: str, part: Callable[[Step], None]):
    part(STEPS[step])


def test_no_two_artifacts_have_one_name():
    named = [each.name for step in DECLARED for each in (*step.outputs, *step.aside)]
    assert len(set(named)) == len(named)
    assert not set(parts()) & set(named)


def test_a_cluster_runs_one_step_before_all_others_and_one_after():
    assert [step.when for step in DECLARED].count("first") == [step.when for step in DECLARED].count("last") == 1
    assert sum(step.heeds for step in DECLARED) == 1


def test_what_decides_the_model_is_what_its_maker_is_made_from():
    assert leading_to("model") == {"ingest", "validate", "transform", "train"}
    assert leading_to("examples") == {"ingest"}


def test_a_spec_may_name_every_step_of_a_cluster_and_no_other():
    steps = Spec.model_json_schema()["$defs"]["Cluster"]["properties"]["steps"]
    assert steps["propertyNames"]["enum"] == list(NAMES)


SECTIONS = {"evaluate", "push", "validate"}
"""Sections of the spec that are called as a step is; keys of a spec stand where a problem lies, or where a page asks the spec."""
SPLIT = {"train"}
"""A split is called as a step is."""
ALLOWED: dict[str, set[str]] = {
    "pipelines/checking/__init__.py": {"push"},  # sections, of problems of a spec
    "pipelines/checking/columns.py": {"evaluate", "validate"},  # sections
    "pipelines/checking/folders.py": {"push"},  # section
    "pipelines/checking/labels.py": {"train"},  # section
    "pipelines/checking/measuring.py": {"evaluate", "validate", "train"},  # sections, and the split that is measured
    "pipelines/kubeflow/previous_artifacts.py": {"evaluate", "validate"},  # sections that ask for a comparison
    "pipelines/starting/writing.py": {"train"},  # split
    "pipelines/tracking.py": {"train"},  # split
    "report/evaluating.py": {"evaluate"},  # section that the page asks
    "report/steps.py": {"validate"},  # section
    "report/tiles.py": {"evaluate", "train"},  # section, split
    "report/statistics.py": {"train"},  # split
    "report/training.py": {"train"},  # split
}
"""Files of engines and reports that have a word in quotes which is also a step's name, and mean another thing by it."""


def texts_of(file: Path) -> Iterator[str]:
    """Yields the texts in the code of a file that are no docstrings."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield node.value


def named_in(text: str) -> set[str]:
    """Returns the steps that a text names: as a whole, as part of a path or of a name, or in quotes."""
    found = {*text.split("/"), *re.findall(r"['\"](\w+)['\"]", text), text.rstrip("-_")}
    return found & set(NAMES)


@pytest.mark.parametrize("room", ["pipelines", "report"])
def test_no_engine_and_no_report_names_a_step(room: str):
    found: dict[str, set[str]] = {}
    for file in sorted((ROOT / room).rglob("*.py")):
        names = {name for text in texts_of(file) for name in named_in(text)}
        if names:
            found[file.relative_to(ROOT).as_posix()] = names
    assert found == {file: names for file, names in ALLOWED.items() if file.startswith(f"{room}/")}
    templates = "\n".join(file.read_text(encoding="utf-8") for file in sorted((ROOT / room).rglob("*.html")))
    assert not re.findall(rf"run\.step\(|['\"](?:{'|'.join(NAMES)})['\"]", templates)


def test_a_word_that_is_allowed_is_a_section_or_a_split():
    assert set().union(*ALLOWED.values()) <= SECTIONS | SPLIT
