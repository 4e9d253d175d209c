"""A package with a member of every family goes through everything, while no file of the product knows of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from .conftest import ACME, environment, stellwerk

ROOT = Path(__file__).parents[2]
MEMBERS = ("angle", "count", "sines", "harmonics", "plain", "ledger", "bias", "shelf", "drawer")
STEPS = ("ingest", "validate", "transform", "train", "evaluate")


@dataclass(frozen=True)
class Project:
    """A folder with the spec of the package, its data in the package's store, and what commands need to find all of it."""

    folder: Path
    site: Path
    env: dict[str, str]

    def does(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a command, which has to end well."""
        done = stellwerk(self.folder, *arguments, env=self.env)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    @property
    def run(self) -> Path:
        """The newest run."""
        return max((self.folder / "runs" / "turbines").glob("2*"))


@pytest.fixture(scope="module")
def project(acme: Path, rows: list[str], tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose spec names every member of the package; it has been run once."""
    folder = tmp_path_factory.mktemp("turbines")
    site = shutil.copytree(acme, folder / "site")
    (folder / "shelf" / "plant").mkdir(parents=True)
    (folder / "shelf" / "plant" / "hours.ledger").write_text("".join(rows), encoding="utf-8")
    shutil.copy(ACME / "pipeline.yaml", folder)
    env = environment(site, ACME_SHELF=str(folder / "shelf"), ACME_DRAWERS=str(folder / "drawers"))
    made = Project(folder, site, env)
    made.does("run", "pipeline.yaml")
    return made


def test_the_spec_names_every_member_and_the_product_none():
    points = re.findall(r"^(\w+) = \"acme\.", (ACME / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(points) == {*MEMBERS, "turn"}, "the form is what the kind makes, and no spec names one"
    spec = (ACME / "pipeline.yaml").read_text(encoding="utf-8")
    assert [name for name in MEMBERS if name not in spec] == []
    rooms = ("src", "kinds", "tasks", "components", "pipelines", "report", "serving", "stores")
    sources = "".join(path.read_text(encoding="utf-8") for room in rooms for path in (ROOT / room).rglob("*.py"))
    named = re.compile(r"['\"](angle|turn|sines|harmonics|ledger|shelf|drawer)['\"]|\bacme\b(?!\.\w+:FORMAT)")
    assert named.findall(sources) == []


def test_it_is_checked_without_a_warning(project: Project):
    done = project.does("check", "pipeline.yaml")
    assert (done.stdout, done.stderr) == ("pipeline.yaml: ok\n", "")


def test_a_name_that_is_not_there_is_told_with_those_that_are(project: Project):
    told = stellwerk(project.folder, "check", "pipeline.yaml", "--set", "target.type=counts", env=project.env)
    assert told.returncode == 2
    assert "unknown type 'counts'. Did you mean 'count'?" in told.stderr
    assert "binary, multiclass, regression, multilabel, forecast, count" in told.stderr


def test_the_schema_of_the_spec_offers_every_member(project: Project):
    text = project.does("schema", "--json").stdout
    schema = json.loads(text)
    (entry,) = schema["properties"]["features"]["patternProperties"].values()
    assert "angle" in entry["discriminator"]["mapping"]
    assert "sines" in schema["properties"]["model"]["discriminator"]["mapping"]
    assert "count" in schema["$defs"]["Target"]["properties"]["type"]["enum"]
    assert "plain" in schema["$defs"]["Train"]["properties"]["loop"]["anyOf"][0]["enum"]
    for name in ("ledger", "bias"):
        assert f'"{name}"' in text
    assert "How many there are." in text


def test_a_run_is_made_of_its_members(project: Project):
    run = project.run
    features = json.loads((run / "transform/transform_graph/features.json").read_text(encoding="utf-8"))["features"]
    assert {one["name"]: one["kind"] for one in features} == {"speed": "number", "wind": "turn"}
    about = json.loads((run / "train/model/assets.extra/stellwerk.json").read_text(encoding="utf-8"))
    assert about["hyperparameters"]["model"] == {"type": "sines", "waves": 12}
    assert about["hyperparameters"]["encoding"]["wind"]["encoder"] == {"type": "harmonics", "most": 3}
    assert about["hyperparameters"]["train"]["loop"] == "plain"
    history = json.loads((run / "train/history/history.json").read_text(encoding="utf-8"))
    assert len(history["epochs"]) == 3
    evaluation = json.loads((run / "evaluate/evaluation/evaluation.json").read_text(encoding="utf-8"))
    assert evaluation["slices"][0]["metrics"].keys() == {"bias", "rmse"}
    assert evaluation["regression"]["histogram"]["predicted_edges"][0] >= 0, "a number of events is never negative"
    pushed = json.loads((run / "push/pushed_model/pushed.json").read_text(encoding="utf-8"))
    assert pushed["path"] == str(project.folder / "drawers/blue/turbines/1")


@pytest.mark.parametrize("word", ["angle", "count", "sines", "plain", "Bias", "shelf://plant/hours.ledger", "drawer"])
def test_the_report_names_them(project: Project, word: str):
    assert word in (project.run / "report.html").read_text(encoding="utf-8")


def test_it_is_compiled_for_a_cluster_with_all_of_them(project: Project):
    project.does("compile", "pipeline.yaml", "-o", "ir.yaml", "--set", "cluster.image=registry.example/turbines:1")
    ir = next(iter(yaml.load_all((project.folder / "ir.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)))
    text = json.dumps(ir)
    assert [name for name in MEMBERS if name not in text] == []
    assert set(STEPS) <= {name.removeprefix("exec-") for name in ir["deploymentSpec"]["executors"]}
    read = "from kfp import components; import sys; components.load_component_from_file(sys.argv[1])"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", read, project.folder / "ir.yaml"], check=False)
    assert done.returncode == 0


def test_predict_reads_its_format(project: Project, rows: list[str]):
    (project.folder / "new.ledger").write_text("".join(rows[:5]), encoding="utf-8")
    project.does("predict", "drawers/blue/turbines", "new.ledger", "-o", "out.csv")
    header, *answers = (project.folder / "out.csv").read_text(encoding="utf-8").splitlines()
    assert header == "speed,wind,alarms,prediction"
    assert all(float(line.rpartition(",")[2]) > 0 for line in answers)
    assert len(answers) == 5


@pytest.fixture
def address(project: Project) -> Iterator[str]:
    """Where a server on the pushed model answers; it has not the package, as a served graph is whole by itself."""
    env = {name: value for name, value in project.env.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-m", "stellwerk", "serve", "drawers/blue/turbines", "--port", "0", "--rest-port", "0"]
    with subprocess.Popen(command, cwd=project.folder, env=env, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            tried = next(line for line in server.stderr if line.startswith("try: "))
            yield str(re.search(r"http://\S+:predict", tried)[0])  # type: ignore[index]
        finally:
            server.terminate()
            server.communicate()


def test_its_model_is_served(address: str):
    body = json.dumps({"instances": [{"speed": 12.0, "wind": wind} for wind in (359.0, 0.0, 270.0)]}).encode()
    request = urllib.request.Request(address, data=body, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        before, north, west = (one[0] for one in json.loads(answer.read())["predictions"])
    assert abs(before - north) < abs(west - north), "359 degrees are near 0"


def test_a_step_in_an_image_without_the_package_says_what_to_do(project: Project):
    env = {name: value for name, value in project.env.items() if name != "PYTHONPATH"}
    asked = "from stellwerk.components.run_values import section\nfrom stellwerk.spec import {kind}\nsection('{step}', '{name}', {kind}, {given})"
    for kind, step, name, given, says in (
        ("Model", "train", "architecture", {"type": "sines"}, "sines"),
        ("Target", "train", "target", {"column": "alarms", "type": "count"}, "count"),
        ("Train", "train", "training", {"loop": "plain"}, "unknown training loop 'plain'. Known: graph"),
        ("Evaluate", "evaluate", "settings", {"metrics": ["bias"]}, "unknown metric 'bias'. Known: auc"),
        ("Push", "push", "push_to", {"to": "drawer://blue"}, "unknown scheme 'drawer'. Known: "),
        ("Data", "ingest", "data", {"sources": {"hours": {"path": "shelf://plant/x"}}}, "unknown scheme 'shelf'. Known: "),
    ):  # fmt: skip
        code = asked.format(kind=kind, step=step, name=name, given=given)
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
        told = done.stderr.splitlines()[-1]
        assert told.startswith(f"stellwerk.errors.StepFailed: {step}: "), told
        assert says in told
        assert "install that package in the image of this step too (cluster.image)" in told


def test_another_run_is_taken_from_the_cache_until_the_code_of_any_member_changes(project: Project):
    def ran() -> set[str]:
        done = project.does("run", "pipeline.yaml", "--until", "evaluate")
        return {step for step in STEPS if not re.search(rf"{step} +✓ unchanged, taken from the cache", done.stderr)}

    assert ran() == set()
    assert (project.folder / "drawers/blue/turbines/1").is_dir()
    with (project.site / "acme/bias/formula.py").open("a", encoding="utf-8") as formula:  # named by no entry point
        formula.write("\n")
    assert ran() == set(STEPS)


def test_the_guide_shows_the_files_of_the_package_as_they_are():
    page = (ROOT / "docs" / "guides" / "extending.md").read_text(encoding="utf-8")
    shown = dict(
        re.findall(r"^<!-- ((?:acme/|pyproject|pipeline)\S+) -->\n```\w+\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    )
    assert len(shown) == 17
    for name, text in shown.items():
        file = ACME / ("src" if name.startswith("acme/") else "") / name
        assert text == file.read_text(encoding="utf-8"), f"docs/guides/extending.md shows another {name}"
