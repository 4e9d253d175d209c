"""A network and a training loop that a package brings are as good as the product's own; a broken one costs who names it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

KEYS = """
from typing import Literal
from stellwerk.section import Section

class Dense(Section):
    '''One layer of sines: a class of a name that one of the product has.'''

    EXAMPLE = "model: {type: sines, waves: 4}"

    type: Literal["sines"]
    waves: int = 8
    '''How many.'''

KEYS = Dense
"""

BUILD = """
import keras
from stellwerk.components.training.networks.body import Body
from stellwerk.components.training.networks.cost import Cost
from stellwerk.components.training.networks.encoding import encoded, encoded_width

def build(architecture, inputs, units, hooks):
    return Body(keras.ops.sin(keras.layers.Dense(architecture.waves)(encoded(inputs))))

def cost(architecture, inputs, rows):
    return Cost(encoded_width(inputs) * architecture.waves)
"""

LOOP = """
from stellwerk.components.training.loops import graph

SHARES_BATCHES = True

def loop(course):
    print("the loop of the package")
    return graph.loop(course)
"""

SPEC = """\
name: flights
data: {{sources: {{flights: flights.csv}}}}
features: {{distance: {{type: number}}}}
target: {{column: late, type: binary}}
model: {model}
train: {train}
"""

POINTS = """\
[stellwerk.networks]
sines = acme_sines
broken = acme_broken
half = acme_half

[stellwerk.loops]
spoken = acme_loop
mute = acme_mute
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as pip lays one: a package with a whole network, one that does not import, one without a part, and two loops."""
    folder = tmp_path_factory.mktemp("site")
    info = folder / "acme-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 2.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(POINTS, encoding="utf-8")
    modules = {"acme_sines": {"keys": KEYS, "build": BUILD}, "acme_broken": {"keys": "import no_such_thing"}}
    modules["acme_half"] = {"build": "def build(*_): ..."}
    for package, parts in modules.items():
        (folder / package).mkdir()
        for name, text in {"__init__": "", **parts}.items():
            (folder / package / f"{name}.py").write_text(text, encoding="utf-8")
    (folder / "acme_loop.py").write_text(LOOP, encoding="utf-8")
    (folder / "acme_mute.py").write_text("def loop(course): ...", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def python(packages: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`python(*arguments, stdin=...)`: Python in which these packages are installed."""

    def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(packages)}
        return subprocess.run(
            [sys.executable, *arguments], input=stdin, env=environment, capture_output=True, text=True, check=False
        )

    return run


def _checked(python: Any, tmp_path: Path, model: str, train: str = "{}") -> tuple[int, str]:
    rows = "".join(f"{row},{row % 2}\n" for row in range(60))
    (tmp_path / "flights.csv").write_text(f"distance,late\n{rows}", encoding="utf-8")
    (tmp_path / "p.yaml").write_text(SPEC.format(model=model, train=train), encoding="utf-8")
    done = python("-m", "stellwerk", "check", str(tmp_path / "p.yaml"))
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("model", "train", "code", "says"),
    [
        ("{type: sines, waves: 4}", "{loop: spoken}", 0, ""),
        ("{type: dense}", "{}", 0, ""),
        ("{type: sines, wave: 4}", "{}", 2, "p.yaml:5: model.wave: unknown key 'wave'. Did you mean 'waves'?"),
        ("{type: sine}", "{}", 2, "p.yaml:5: model.type: unknown type 'sine'. Did you mean 'sines'?"),
        ("{type: broken}", "{}", 2, "p.yaml:5: model.type: The network 'broken' of the package acme 2.0 cannot be loaded"),
        ("{type: half}", "{}", 2, "p.yaml:5: model.type: The network 'half' of the package acme 2.0 has no 'keys'"),
        ("{type: dense}", "{loop: spokn}", 2, "p.yaml:6: train.loop: unknown training loop 'spokn'. Did you mean 'spoken'?"),
    ],
)  # fmt: skip
def test_a_spec_is_checked_by_what_the_package_brings(python, tmp_path, model, train, code, says):
    returned, told = _checked(python, tmp_path, model, train)
    assert returned == code, told
    assert says in told


def test_the_schema_of_the_spec_shows_them(python):
    done = python("-m", "stellwerk", "schema", "--json")
    schema = json.loads(done.stdout)
    (theirs,) = [one for name, one in schema["$defs"].items() if name.endswith("acme_sines__keys__Dense")]
    assert theirs["properties"]["waves"]["description"] == "How many."
    assert schema["$defs"]["Train"]["properties"]["loop"]["anyOf"][0]["enum"] == ["graph", "mute", "spoken"]
    assert "sines" in schema["properties"]["model"]["discriminator"]["mapping"]


CALL = """
import json, sys, warnings
warnings.filterwarnings("ignore")
from stellwerk.components.calling import call
call("train", json.load(sys.stdin))
"""


@pytest.mark.parametrize(
    ("network", "loop", "says"),
    [
        ("sines", "spoken", ""),
        ("sines", "mute", "The training loop 'mute' of the package acme 2.0 has no 'SHARES_BATCHES'"),
    ],
)
def test_a_network_of_a_package_is_trained_by_its_loop(python, air_time, left_by, tmp_path, network, loop, says):
    arguments = {
        "architecture": {"type": network},
        "training": {"epochs": 3, "loop": loop},
        "target": air_time.target,
        "hooks": {},
        "transformed": str(air_time.transformed),
        "transform_graph": str(air_time.graph),
        **{name: str(tmp_path / name) for name in ("model", "history")},
    }
    done = python("-c", CALL, stdin=json.dumps(arguments))
    assert says in done.stderr
    assert (done.returncode == 0) is (not says), done.stderr
    if not says:
        run = left_by(tmp_path)
        assert "the loop of the package" in done.stdout
        assert run.history["parameters"] > 0
        assert run.about["hyperparameters"]["model"] == {"type": "sines", "waves": 8}
