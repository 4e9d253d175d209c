"""What a step on a cluster is compared with is found where models are pushed, or the step fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stellwerk.components.artifacts.folders import folder_digest, read_json, write_json
from stellwerk.components.deployment.work import push
from stellwerk.components.earlier import compared
from stellwerk.errors import StepFailed
from stellwerk.spec import Push


@dataclass(frozen=True)
class Artifact:
    """An artifact as KFP gives it to a face."""

    path: str
    uri: str = "gs://bucket/artifact"


class Cluster:
    """A folder with what runs made, each of its own data, and the places that they push to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, name: str, to: str | None = None) -> dict[str, Artifact]:
        """Writes what a run made, and pushes it where that is wanted; returns its artifacts."""
        run = self.folder / "runs" / name
        write_json(run / "examples" / "dataset.json", {"version": f"data of {name}"})
        write_json(run / "model" / "assets.extra" / "stellwerk.json", {"of": name})
        (run / "model" / "saved_model.pb").write_bytes(name.encode())
        (run / "statistics" / "train").mkdir(parents=True, exist_ok=True)
        (run / "statistics" / "train" / "FeatureStats.pb").write_bytes(f"statistics of {name}".encode())
        write_json(run / "evaluation" / "evaluation.json", {"slices": [], "data": {"version": f"data of {name}"}})
        write_json(run / "blessing" / "blessing.json", {"blessed": True, "requirements": []})
        if to is not None:
            made = {part: run / part for part in ("model", "evaluation", "blessing", "statistics", "pushed_model")}
            push(name="late", push_to=Push(to=to), directory=self.folder, context={}, **made)
        return {part: Artifact(str(run / part)) for part in ("examples", "model")}

    def arguments(self, name: str, to: str, **more: Any) -> dict[str, Any]:
        """What the faces of a run are given."""
        return {**self.run(name), "name": "late", "directory": str(self.folder), "pushed_to": to, **more}


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


@pytest.fixture(params=["folder", "s3", "gcs"])
def to(request: pytest.FixtureRequest) -> str:
    """Each kind of place in turn."""
    if request.param != "folder":
        request.getfixturevalue(f"{request.param}_store")
    return {"folder": "models", "s3": "s3://models/production", "gcs": "gs://models/production"}[request.param]


def test_a_run_is_compared_with_what_was_pushed_last_and_not_with_itself(cluster: Cluster, to: str):
    for run in ("one", "two"):
        cluster.run(run, to)
    for run, other in (("three", "two"), ("two", "one")):
        with compared("evaluate", cluster.arguments(run, to)) as found:
            assert (Path(found["baseline"]) / "saved_model.pb").read_text() == other
        with compared("validate", cluster.arguments(run, to)) as found:
            statistics = Path(found["previous"]) / "train" / "FeatureStats.pb"
            assert statistics.read_text() == f"statistics of {other}"
        assert statistics.exists() == (to == "models"), "a download is gone with the step"


def test_where_nothing_is_pushed_yet_there_is_nothing_to_compare_with(cluster: Cluster, to: str):
    for step in ("validate", "evaluate"):
        with compared(step, cluster.arguments("one", to)) as found:
            assert found == {}


def test_a_version_pushed_without_statistics_is_passed_over(cluster: Cluster):
    for run in ("one", "two"):
        cluster.run(run, "models")
    newest = cluster.folder / "models" / "late" / "2" / "statistics"
    newest.rename(cluster.folder / "statistics")
    with compared("validate", cluster.arguments("three", "models")) as found:
        assert Path(found["previous"]).parent.name == "1"


def test_who_is_told_no_place_or_is_given_what_it_is_compared_with_looks_nowhere(cluster: Cluster):
    cluster.run("one", "models")
    for more in ({"pushed_to": None}, {"baseline": Artifact("elsewhere")}):
        with compared("evaluate", cluster.arguments("two", "models", **more)) as found:
            assert found == {}
    with compared("train", cluster.arguments("two", "models")) as found:
        assert found == {}


@pytest.mark.parametrize("step", ["validate", "evaluate"])
def test_a_store_that_refuses_stops_the_step_and_is_named(cluster: Cluster, s3_store: Any, step: str):
    s3_store.refuse = lambda method, path: 403
    with pytest.raises(StepFailed, match=r"^push\.to: s3://models/production/late: these credentials have no right"):
        compared(step, cluster.arguments("one", "s3://models/production")).__enter__()


def test_a_volume_that_is_not_mounted_is_not_taken_for_one_where_nothing_is(cluster: Cluster):
    arguments = cluster.arguments("one", "models", directory=str(cluster.folder / "none"))
    with pytest.raises(StepFailed, match=r"none, is not there, .* Mount its volume in this step too"):
        compared("evaluate", arguments).__enter__()
    cluster.run("one", "models")
    with compared("evaluate", {**arguments, **cluster.run("two"), "pushed_to": "../models"}) as found:
        assert Path(found["baseline"]) == cluster.folder / "models" / "late" / "1", "it is there, whatever is beside it"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda late: late.symlink_to(late),
            r"late: cannot be read: Too many levels of symbolic links\. There is no model to compare",
        ),
        (
            lambda late: (late / "1" / "provenance.json").mkdir(parents=True),
            r"provenance\.json: cannot be read: Is a dir",
        ),
    ],
)
def test_a_folder_that_cannot_be_read_stops_the_step(cluster: Cluster, spoil: Callable[[Path], Any], message: str):
    (cluster.folder / "models").mkdir()
    spoil(cluster.folder / "models" / "late")
    with pytest.raises(StepFailed, match=message):
        compared("evaluate", cluster.arguments("one", "models")).__enter__()


def test_what_is_pushed_beside_a_model_leaves_its_digest_as_it_is(cluster: Cluster, to: str):
    model = Path(cluster.run("one", to)["model"].path)
    with compared("evaluate", cluster.arguments("two", to)) as found:
        version = Path(found["baseline"])
        assert read_json(version / "provenance.json")["model_digest"] == folder_digest(model)
        beside = {path.name for path in version.iterdir()} - {path.name for path in model.iterdir()}
        assert beside == {"provenance.json", "statistics"}
