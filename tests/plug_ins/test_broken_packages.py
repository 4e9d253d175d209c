"""A package that cannot be used is one sentence at the line of a spec that names it, and costs no other spec anything."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from stellwerk.pipelines.checking.unused import FAMILIES

from .conftest import environment, stellwerk

SPEC = """\
name: toy
data:
  sources:
    rows: {path: rows.csv}
features:
  a: {type: number}
target: {column: y, type: binary}
model: {type: dense}
train:
  epochs: 1
evaluate:
  metrics: [auc]
push:
  to: models
"""

KEYS = "from stellwerk.section import Section\nclass Keys(Section):\n    pass\nKEYS = Keys\n"


@dataclass(frozen=True)
class Bad:
    """How a member of a family is named in a spec, and what of a package that brings one is no member."""

    word: str
    changed: tuple[str, str]
    where: str
    path: str
    lacks: str
    """What is said of a package whose modules are all empty."""
    own: str
    """A name that the product has."""


BAD = {
    "kinds": Bad("kind of feature", ("a: {type: number}", "a: {type: toy}"), "6: features.a.type", "toys", "has no 'keys.KEYS'", "number"),
    "tasks": Bad("type of target", ("type: binary", "type: toy"), "7: target.type", "toys", "has no 'about.ABOUT'", "binary"),
    "networks": Bad("network", ("type: dense", "type: toy"), "8: model.type", "toys", "has no 'keys.KEYS'", "dense"),
    "encoders": Bad("encoder", ("a: {type: number}", "a: {type: text, encoding: tokens, encoder: {type: toy}}"), "6: features.a.encoder.type", "toys", "has no 'keys.KEYS'", "gru"),
    "loops": Bad("training loop", ("epochs: 1", "loop: toy"), "10: train.loop", "toys", "has no 'loop'", "graph"),
    "formats": Bad("format", ("rows.csv}", "rows, format: toy}"), "4: data.sources.rows.format", "toys.read:FORMAT", "is a SourceFormat that names nothing which does it", "csv"),
    "metrics": Bad("metric", ("[auc]", "[toy]"), "12: evaluate.metrics[0]", "toys.measured:METRIC", "is a Metric that names nothing which does it", "auc"),
    "stores": Bad("store", ("rows.csv}", "'toy://x/rows.csv'}"), "4: data.sources.rows.path", "toys", "has no 'store'", "s3"),
    "targets": Bad("push target", ("to: models", "to: toy://x"), "14: push.to", "toys", "has no 'target'", "gs"),
}  # fmt: skip

VALUES = {
    "measured": "from stellwerk.metrics import SHARE, Metric\nMETRIC = Metric('toy', 'Toy', 'higher', SHARE)\n",
    "read": "from stellwerk.tables.formats import SourceFormat\nFORMAT = SourceFormat('toy', 'Toy', ('.toy',))\n",
}
LOAD = """
import json, sys
from stellwerk.errors import SpecError
from stellwerk.loading import load
def told(path):
    try:
        load(path)
    except SpecError as error:
        return [str(problem) for problem in error.problems]
    return []
print(json.dumps({path: told(path) for path in sys.argv[1:]}))
"""


def _installed(site: Path, package: str, points: str) -> None:
    """Lays what pip lays of a package without modules: its name, its version, and its entry points."""
    info = site / f"{package}-2.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 2.1\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(points, encoding="utf-8")


def _points(name: str = "toy") -> str:
    return "\n".join(f"[stellwerk.{family}]\n{name} = {bad.path}\n" for family, bad in BAD.items())


def _empty(site: Path) -> None:
    (site / "toys").mkdir()
    parts = dict.fromkeys(("__init__", *(part for family in FAMILIES for part in family.parts)), "")
    for name, text in {**parts, **VALUES}.items():
        (site / "toys" / f"{name}.py").write_text(text, encoding="utf-8")


def _unimportable(site: Path) -> None:
    (site / "toys.py").write_text("import no_such_library\n", encoding="utf-8")


def _twice(site: Path) -> None:
    _empty(site)
    _installed(site, "others", _points())


BROKEN = {"does not import": _unimportable, "is there twice": _twice, "lacks a part": _empty}


@pytest.fixture(scope="module", params=["does not import", "is there twice", "lacks a part"])
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, list[str]]]:
    """What is wrong with a spec that names the toy of each family, and with one that names none, by family and `none`."""
    folder = tmp_path_factory.mktemp("broken")
    _installed(folder / "site", "acme", _points())
    BROKEN[request.param](folder / "site")
    for family, bad in BAD.items():
        (folder / f"{family}.yaml").write_text(SPEC.replace(*bad.changed), encoding="utf-8")
    (folder / "none.yaml").write_text(SPEC, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", LOAD, *(f"{name}.yaml" for name in (*BAD, "none"))],
        cwd=folder, env=environment(folder / "site"), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return request.param, {path.removesuffix(".yaml"): said for path, said in json.loads(done.stdout).items()}


def test_every_family_has_a_bad_package_here():
    """But forms: no spec names one, a kind does, and the step that meets it says what is wrong (`tests/components/test_forms.py`)."""
    assert {*BAD, "forms"} == {family.name for family in FAMILIES}


@pytest.mark.parametrize("family", BAD)
def test_a_bad_member_is_one_sentence_at_its_line_that_names_the_package(told, family):
    what, said = told
    bad = BAD[family]
    (sentence,) = said[family]
    member = f"The {bad.word} 'toy' "
    why = {
        "does not import": f"of the package acme 2.1 cannot be loaded from {bad.path}: ModuleNotFoundError: No module named 'no_such_library'",
        "is there twice": "is in the packages acme 2.1 and others 2.1. Remove all but one of them.",
        "lacks a part": f"of the package acme 2.1 {bad.lacks}",
    }[what]
    assert sentence.startswith(f"{family}.yaml:{bad.where}: {member}{why}"), sentence


def test_bad_members_cost_a_spec_nothing_that_names_none(told):
    _, said = told
    assert said["none"] == []


def test_what_takes_a_name_of_the_products_is_told_once_and_not_used(tmp_path):
    points = "".join(f"[stellwerk.{family}]\n{bad.own} = {bad.path}\n" for family, bad in BAD.items())
    _installed(tmp_path / "site", "acme", f"{points}[stellwerk.kind]\nangle = acme.angle\n")
    (tmp_path / "p.yaml").write_text(SPEC, encoding="utf-8")
    (tmp_path / "rows.csv").write_text("a,y\n" + "".join(f"{row},{row % 2}\n" for row in range(60)), encoding="utf-8")
    for command in (["check", "p.yaml"], ["run", "p.yaml", "--until", "ingest"]):
        done = stellwerk(tmp_path, *command, env=environment(tmp_path / "site"))
        assert done.returncode == 0, done.stderr
        for bad in BAD.values():
            taken = f"brings a {bad.word} '{bad.own}', which is the name of one of stellwerk's own: it is not used."
            assert done.stderr.count(f"warning The package acme 2.1 {taken}") == 1
        assert (
            "brings 'angle' in the group 'stellwerk.kind', which this version of stellwerk does not know" in done.stderr
        )


def test_the_command_ends_with_2_and_one_sentence(tmp_path):
    _installed(tmp_path / "site", "acme", _points())
    _unimportable(tmp_path / "site")
    (tmp_path / "p.yaml").write_text(SPEC.replace(*BAD["tasks"].changed), encoding="utf-8")
    done = stellwerk(tmp_path, "run", "p.yaml", env=environment(tmp_path / "site"))
    assert done.returncode == 2
    assert done.stderr.startswith(
        "p.yaml:7: target.type: The type of target 'toy' of the package acme 2.1 cannot be loaded"
    )
    assert len(done.stderr.splitlines()) == 1
