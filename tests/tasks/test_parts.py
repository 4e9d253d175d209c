"""A task is one folder: every part is there, the light ones load no framework, and nobody else knows a task by name."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from stellwerk.columns import COLUMN_TYPES
from stellwerk.spec.target import Target
from stellwerk.tasks import TASKS, about, named_where
from stellwerk.tasks.parts import PARTS, WITHOUT_FRAMEWORK, About

ROOT = Path(__file__).parents[2]
ROOMS = ("src", "components", "kinds", "pipelines", "report", "serving", "stores", "tasks")
EVERY = tuple(TASKS)


def members(protocol: type[Any]) -> dict[str, Any]:
    """What a part has to have: values by annotation, functions by their parameters without `self`."""
    functions = {name: value for name, value in vars(protocol).items() if inspect.isfunction(value) and name[0] != "_"}
    return {**dict.fromkeys(protocol.__annotations__), **functions}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("task", EVERY)
def test_every_task_has_every_part(task: str, part: str) -> None:
    module = TASKS.part(task, part)
    assert module.__doc__
    for name, asked in members(PARTS[part]).items():
        given = getattr(module, name)
        if asked is not None:
            assert list(inspect.signature(given).parameters) == list(inspect.signature(asked).parameters)[1:]


@pytest.mark.parametrize("task", EVERY)
def test_what_is_said_of_a_task_fits_its_parts(task: str) -> None:
    said, label = about(task), TASKS.part(task, "label")
    assert isinstance(said, About)
    classes = ["a", "b", "c"][: 2 if said.one_score else 3] if said.has_names else []
    raw = pa.array(["b", "a"]) if said.has_names else pa.array([1.5, 2.5])
    raw = pa.array([[1.5, 2.5]], pa.list_(pa.float32(), 2)) if said.many else raw
    labels = label.encode(raw, classes)
    assert labels.dtype == (np.int64 if said.whole_label else np.float32)
    assert label.known(labels).all()


@pytest.mark.parametrize(
    ("task", "raw", "classes", "labels"),
    [
        ("binary", ["Yes ", "no", "1"], ["no", "yes"], [1.0, 0.0, 1.0]),
        ("binary", [2, 1], ["1", "2"], [1.0, 0.0]),
        ("regression", [1.5, -2.0], [], [1.5, -2.0]),
    ],
)
def test_the_label_in_the_graph_is_that_of_arrow(task: str, raw: list[Any], classes: list[str], labels: list[float]):
    in_the_graph = TASKS.part(task, "graph").label(tf.constant(raw), classes)
    assert in_the_graph.numpy().tolist() == labels == TASKS.part(task, "label").encode(pa.array(raw), classes).tolist()


@pytest.mark.parametrize("column_type", COLUMN_TYPES)
@pytest.mark.parametrize("task", EVERY)
def test_a_task_takes_or_refuses_every_type_of_column(task: str, column_type: str) -> None:
    refused = TASKS.part(task, "check").refused(Target(column="y", type=task), column_type)
    takes = about(task).has_classes or COLUMN_TYPES[column_type].number
    takes = column_type == "string" if about(task).several else takes
    assert (refused is None) == (takes and not about(task).many)
    assert refused is None or "'y'" in refused


def test_only_a_task_of_lists_takes_them() -> None:
    for task in EVERY:
        refused = TASKS.part(task, "check").refused(Target(column="y", type=task), "float[3]")
        assert (refused is None) == about(task).many, task


@pytest.mark.parametrize("task", EVERY)
def test_a_task_has_the_part_that_makes_its_baselines(task: str) -> None:
    own, linear = TASKS.find(task, "baselines"), TASKS.find(task, "linear")
    assert (own is None) == ("trivial" in about(task).baselines)
    assert (linear is not None) == ("linear" in about(task).baselines)


def test_the_light_parts_and_the_spec_load_no_framework() -> None:
    code = (
        "import sys; from stellwerk.spec import Spec; from stellwerk.tasks import TASKS\n"
        f"[TASKS.part(task, part) for task in TASKS for part in {WITHOUT_FRAMEWORK}]\n"
        "print({'tensorflow', 'keras', 'sklearn', 'tensorflow_model_analysis'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_sentence_names_the_tasks_of_which_something_holds() -> None:
    assert named_where(lambda task: task.has_positive) == "binary"
    assert named_where(lambda task: task.has_classes) == "binary or multiclass"


METRICS = Path("src/stellwerk/metrics.py")
"""A metric may say for which tasks it has formulas, where they do not say it."""
BYTES = {"binary"}
"""The type of column that is called as a task is."""
EXAMPLE = {"binary"}
"""The target of an example for people."""
METHOD = {"regression"}
"""What TensorFlow Serving's own sentences call the method Regress."""
ALLOWED: dict[str, set[str]] = {
    "components/validation/comparing.py": BYTES,
    "kinds/image/keys.py": BYTES,
    "components/validation/statistics.py": BYTES,
    "pipelines/checking/measuring.py": BYTES,
    "src/stellwerk/columns.py": BYTES,
    "serving/inference.py": METHOD,
    "pipelines/kubeflow/catalogue.py": EXAMPLE,
    "src/stellwerk/spec/__init__.py": EXAMPLE,
    "src/stellwerk/spec/target.py": EXAMPLE,
    "report/forecasting.py": {"forecast"},
    "tasks/__init__.py": set(TASKS.own),
}
"""Files that have a word which is also a task's name; but for the line of the family they mean another thing by it."""


def texts_of(file: Path) -> Iterator[str]:
    """Yields the texts in the code of a file that are no docstrings, and the names that it imports."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield node.value
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (each.name for each in node.names)


def test_no_file_outside_the_folder_of_a_task_names_one() -> None:
    found: dict[str, set[str]] = {}
    for room in ROOMS:
        for file in sorted((ROOT / room).rglob("*.py")):
            place = file.relative_to(ROOT)
            own = {place.parts[1]} if place.parts[0] == "tasks" else set()
            names = {name for text in texts_of(file) for name in TASKS.own if re.search(rf"\b{name}\b", text)} - own
            if names and not own & set(TASKS.own) and place != METRICS:
                found[place.as_posix()] = names
    assert found == ALLOWED


def test_no_task_imports_another() -> None:
    for task in TASKS.own:
        for file in (ROOT / "tasks" / task).glob("*.py"):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            named = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
            others = {other for other in TASKS.own if other != task and any(f"tasks.{other}" in name for name in named)}
            assert not others, file
