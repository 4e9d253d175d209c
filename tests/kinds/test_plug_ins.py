"""A package brings a kind: it is in the spec, the schema, the reference and the messages; a bad one costs its own specs only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

KEYS = '''
from collections.abc import Mapping
from typing import ClassVar, Literal

from stellwerk.kinds.base import SingleColumn


class Number(SingleColumn):
    """A quantity in tens; it is called as one of the product's is."""

    TAKES: ClassVar[Mapping[str, str]] = {"int64": "float", "float": "float"}
    READS = "numbers"
    EXAMPLE: ClassVar[str] = "features:\\n  weight: {type: tens}\\n"

    type: Literal["tens"]
    by: float = 10.0
    """What it is divided by."""


KEYS = Number
'''
SPEC = """\
name: toy
data: {{sources: {{rows: rows.csv}}}}
features:
  a: {{type: number}}
  b: {{type: {kind}}}
target: {{column: y, type: binary}}
"""


@pytest.fixture
def stellwerk(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `stellwerk` in a folder with a spec, where a package is installed as pip lays it, with the kind `tens`."""

    def run(*arguments: str, keys: str | None = KEYS, kind: str = "tens") -> subprocess.CompletedProcess[str]:
        site = tmp_path / "site"
        info = site / "acme-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[stellwerk.kinds]\ntens = acme_tens\n")
        (site / "acme_tens").mkdir()
        for part, text in {"__init__": "", "transform": "measured = transform = None\n"}.items():
            (site / "acme_tens" / f"{part}.py").write_text(text)
        if keys is not None:
            (site / "acme_tens" / "keys.py").write_text(keys)
        (tmp_path / "p.yaml").write_text(SPEC.format(kind=kind))
        (tmp_path / "rows.csv").write_text("a,b,y\n" + "".join(f"{i},{i * 2},{i % 2}\n" for i in range(60)))
        environment = {**os.environ, "PYTHONPATH": str(site), "COLUMNS": "300"}
        command = [sys.executable, "-m", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return run


def test_its_keys_are_in_the_schema_beside_those_of_one_that_has_a_class_of_the_same_name(stellwerk):
    schema = json.loads(stellwerk("stellwerk", "schema", "--json").stdout)
    (entry,) = schema["properties"]["features"]["patternProperties"].values()
    tags = entry["discriminator"]["mapping"]
    assert {"number", "tens"} <= tags.keys()
    defined = schema["$defs"][tags["tens"].rpartition("/")[2]]
    assert defined["properties"]["by"]["description"] == "What it is divided by."


def test_the_reference_has_a_section_of_it(stellwerk):
    assert "with `type: tens`" in stellwerk("stellwerk.spec.documentation").stdout


def test_a_spec_that_uses_it_is_checked_as_any_other(stellwerk):
    done = stellwerk("stellwerk", "check", "p.yaml")
    assert done.returncode == 0, done.stderr


def test_a_word_that_is_none_is_told_with_it(stellwerk):
    done = stellwerk("stellwerk", "check", "p.yaml", kind="numbr")
    assert done.returncode == 2
    assert "p.yaml:5" in done.stderr
    assert "Known: number, category, boolean, time, text, image, series, cross, custom, tens." in done.stderr


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            "import no_such_library",
            "cannot be loaded from acme_tens: ModuleNotFoundError: No module named 'no_such_library'",
        ),
        (None, "has no 'keys' (acme_tens), which every kind of feature has"),
        (KEYS.replace("KEYS = Number", ""), "has no 'keys.KEYS' (acme_tens)"),
        (KEYS.replace('Literal["tens"]', 'Literal["ten"]'), 'has a section without `type: Literal["tens"]`'),
    ],
    ids=["does not import", "no keys", "no class", "another name"],
)
def test_a_broken_one_is_one_sentence_at_the_line_that_names_it_and_costs_no_other_spec(
    stellwerk, keys, said, tmp_path
):
    done = stellwerk("stellwerk", "check", "p.yaml", keys=keys)
    assert done.returncode == 2
    assert "p.yaml:5: features.b.type: The kind of feature 'tens' of the package acme 1.0 " in done.stderr
    assert said in done.stderr


def test_a_broken_one_costs_no_spec_that_does_not_name_it(stellwerk):
    done = stellwerk("stellwerk", "check", "p.yaml", keys="import no_such_library", kind="number")
    assert done.returncode == 0, done.stderr
