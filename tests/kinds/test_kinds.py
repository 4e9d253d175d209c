"""A kind of data is one folder: each has every part, and no other file knows one by name."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest
import yaml
from pydantic import TypeAdapter

from stellwerk.columns import COLUMN_TYPES, LISTS
from stellwerk.kinds import KINDS
from stellwerk.kinds.base import Keys, Reads
from stellwerk.kinds.parts import EVERY, SOME
from stellwerk.spec.features import Feature
from stellwerk.spec.meanings import meanings

ROOT = Path(__file__).parents[2]
LIGHT = ("keys", "accepting", "starting", "showing")


def keys_of(kind: str) -> type[Keys]:
    found: type[Keys] = KINDS.part(kind, "keys").KEYS
    return found


def its_keys_tell_it_from_the_others(kind: str) -> None:
    assert issubclass(keys_of(kind), Keys)
    assert get_args(keys_of(kind).model_fields["type"].annotation) == (kind,)


def every_key_is_explained(kind: str) -> None:
    keys = keys_of(kind)
    assert meanings(keys).keys() == keys.model_fields.keys() - {"type"}
    assert keys.__doc__


def its_example_is_a_feature_of_its_own(kind: str) -> None:
    written = yaml.safe_load(keys_of(kind).EXAMPLE)["features"]
    for name, entry in written.items():
        feature = TypeAdapter(Feature).validate_python(entry)
        assert feature.type == kind
        assert feature.columns_of(name)
        assert len({feature.key_of(position) for position in range(len(feature.columns_of(name)))}) == len(
            feature.columns_of(name)
        )


def a_client_sends_its_columns_in_types_that_there_are(kind: str) -> None:
    takes = keys_of(kind).TAKES
    assert takes
    assert {*takes, *takes.values()} <= {*COLUMN_TYPES, LISTS.name}


def it_says_how_its_columns_are_read(kind: str) -> None:
    assert keys_of(kind).READS in get_args(Reads)
    assert isinstance(keys_of(kind).GROUPS, bool)


def it_has_the_parts_that_all_have(kind: str) -> None:
    for part, protocol in EVERY.items():
        assert isinstance(KINDS.part(kind, part), protocol), part


def a_part_that_only_some_have_is_whole_where_it_is(kind: str) -> None:
    for part, protocol in SOME.items():
        found = KINDS.find(kind, part)
        assert found is None or isinstance(found, protocol), part


def it_has_tests_of_its_own(kind: str) -> None:
    assert list((ROOT / "tests" / "kinds" / kind).glob("test_*.py"))


PARTS = (
    its_keys_tell_it_from_the_others,
    every_key_is_explained,
    its_example_is_a_feature_of_its_own,
    a_client_sends_its_columns_in_types_that_there_are,
    it_says_how_its_columns_are_read,
    it_has_the_parts_that_all_have,
    a_part_that_only_some_have_is_whole_where_it_is,
    it_has_tests_of_its_own,
)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
@pytest.mark.parametrize("kind", KINDS.own)
def test_every_kind_has_every_part(kind: str, part: Callable[[str], None]):
    part(kind)


def test_each_folder_is_a_kind_of_the_table_and_no_part_is_there_for_nobody():
    assert {path.parent.name for path in (ROOT / "kinds").glob("*/keys.py")} == set(KINDS.own)
    assert set(SOME) == {part for part in SOME for kind in KINDS.own if KINDS.find(kind, part) is not None}


def test_what_spec_and_command_line_ask_of_a_kind_loads_no_framework():
    asked = f"[KINDS.find(kind, part) for kind in KINDS.own for part in {LIGHT}]"
    frameworks = "[m for m in ('tensorflow', 'numpy', 'pyarrow', 'duckdb', 'tfx_bsl') if m in sys.modules]"
    code = f"import sys\nfrom stellwerk.kinds import KINDS\nassert any({asked})\nprint({frameworks})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


ALLOWED: dict[str, set[str]] = {
    "kinds/__init__.py": set(KINDS.own),  # the table
    "pipelines/starting/series.py": {"series"},  # windows are made for it
    "serving/rest/openapi.py": {"number"},  # a type of JSON Schema
    "serving/rest/openapi_values.py": {"number", "boolean"},  # types of JSON Schema
    "src/stellwerk/columns.py": {"number", "text", "boolean"},  # words of a source's `types`
    "src/stellwerk/encoders/choosing.py": {"custom"},  # an encoder is called so too
    "src/stellwerk/spec/model.py": {"custom"},  # and a network
}
"""Files in which the name of a kind is the table's, or means another thing."""


def kinds_named_in(file: Path) -> set[str]:
    """Returns the kinds that a file tells apart: by their classes, or where a tag is compared, written or looked up in a table."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {name for node in ast.walk(tree) for name in _named(node)} & set(KINDS.own)


def _named(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("stellwerk.kinds."):
        yield (node.module or "").split(".")[2]
    if isinstance(node, ast.Compare) and _is_type(node.left):
        yield from (text for each in node.comparators for text in _texts(each))
    if isinstance(node, ast.Dict):
        keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
        yield from (
            text for key, value in zip(keys, node.values, strict=True) if key == "type" for text in _texts(value)
        )
        named = [key for key in keys if key in KINDS.own]
        yield from named if len(named) > 2 else ()


def _is_type(node: ast.expr) -> bool:
    """Whether `x.type`, `x["type"]` or `x.get("type")` of a feature; `spec.model.type` is a network's."""
    if isinstance(node, ast.Attribute):
        return node.attr == "type" and ast.unparse(node.value) not in ("architecture", "spec.model", "model")
    text = ast.unparse(node) if isinstance(node, ast.Subscript | ast.Call) else ""
    return text.endswith(("['type']", ".get('type')"))


def _texts(node: ast.AST) -> Iterator[str]:
    yield from (each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str))


def test_no_file_outside_its_folder_names_a_kind():
    found: dict[str, set[str]] = {}
    for room in ("src", "components", "pipelines", "report", "serving", "kinds"):
        for file in sorted((ROOT / room).rglob("*.py")):
            of = file.relative_to(ROOT / "kinds").parts[0] if room == "kinds" else ""
            names = kinds_named_in(file) - {of}
            if names:
                found[file.relative_to(ROOT).as_posix()] = names
    assert found == ALLOWED
