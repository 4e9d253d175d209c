"""What a table holds is listed there and nowhere else, so that one more is one entry."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from stellwerk.columns import COLUMN_TYPES
from stellwerk.metrics import METRICS
from stellwerk.tables.formats import ENDINGS, FORMATS

ROOT = Path(__file__).parents[2]
ROOMS = ("src", "components", "kinds", "pipelines", "report", "serving", "stores", "tasks")

OF_CURVES = (["recall", "precision"], ["mean_prediction", "mean_label", "examples"])
"""The axes of a curve and what its points have."""
OF_LABELS = (["examples", "predicted", "precision", "recall", "f1", "auc"],)
"""What the table by label says of each."""
OF_SPECS = ([".json", ".txt"],)
"""Endings that a spec may have as well."""


def _lists(tree: ast.AST) -> Iterator[tuple[int, list[str]]]:
    """Yields the texts of every literal list, tuple, set and dict, of its keys, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.List | ast.Tuple | ast.Set | ast.Dict):
            parts = node.keys if isinstance(node, ast.Dict) else node.elts
            texts = [one.value for one in parts if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            yield node.lineno, texts


@pytest.mark.parametrize(
    ("table", "names", "several", "words"),
    [
        ("src/stellwerk/metrics.py", METRICS, 2, (*OF_CURVES, *OF_LABELS)),
        ("src/stellwerk/tables/formats.py", FORMATS, 2, ()),
        ("src/stellwerk/tables/formats.py", ENDINGS, 2, OF_SPECS),
        ("src/stellwerk/columns.py", COLUMN_TYPES, len(COLUMN_TYPES), ()),
    ],
    ids=["metrics", "formats", "endings", "columns"],
)
def test_no_other_module_has_a_list_of_what_a_table_holds(
    table: str, names: Collection[str], several: int, words: Collection[list[str]]
) -> None:
    found = [
        f"{file.relative_to(ROOT)}:{line}: {texts}"
        for room in ROOMS
        for file in sorted((ROOT / room).rglob("*.py"))
        if file != ROOT / table
        if not file.match("tasks/*/metrics.py") or names is not METRICS  # what of the table suits a task, the task says
        for line, texts in _lists(ast.parse(file.read_text(encoding="utf-8")))
        if len(set(texts) & set(names)) >= several and texts not in words
    ]
    assert found == []
