"""What a step on a cluster is compared with is found where models are pushed, or the step fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stellwerk.components.artifacts.folders import folder_digest, read_json, write_json
from stellwerk.components.deployment.previous_artifacts import Earlier, earlier
from stellwerk.components.deployment.work import push
from stellwerk.components.previous_artifacts import compared
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
        about = {"model_digest": folder_digest(run / "model")}
        write_json(run / "evaluation" / "evaluation.json", {"slices": [], "data": {"version": f"data of {name}"}})
        write_json(run / "blessing" / "blessing.json", {"blessed": True, "requirements": [], **about})
        if to is not None:
            made = {part: run / part for part in ("model", "evaluation", "blessing", "statistics", "pushed_model")}
            push(name="late", push_to=Push(to=to), directory=self.folder, context={}, resolved=of(name), **made)
        return {part: Artifact(str(run / part)) for part in ("examples", "model")}

    def look(self, name: str, to: str, directory: Path | None = None) -> Earlier:
        """What `resolve` finds for a run."""
        return earlier(to, directory or self.folder, "late", **of(name))


def of(name: str) -> dict[str, str]:
    """What `resolve` says of the data and the training of a run."""
    return {"data": f"data of {name}", "training": f"training of {name}"}


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
        found = cluster.look(run, to)
        with compared("evaluate", {"baseline_uri": found.baseline, **cluster.run(run)}) as given:
            assert (Path(given["baseline"]) / "saved_model.pb").read_text() == other
        with compared("validate", {"previous_uri": found.previous}) as given:
            statistics = Path(given["previous"]) / "train" / "FeatureStats.pb"
            assert statistics.read_text() == f"statistics of {other}"
        assert statistics.exists() == (to == "models"), "a download is gone with the step"


def test_where_nothing_is_pushed_yet_there_is_nothing_to_compare_with(cluster: Cluster, to: str):
    assert cluster.look("one", to) == Earlier("", "")
    for step in ("validate", "evaluate"):
        with compared(step, {"previous_uri": "", "baseline_uri": ""}) as found:
            assert found == {}


def test_a_repeated_run_finds_what_it_found_before_though_its_own_model_has_been_pushed(cluster: Cluster, to: str):
    cluster.run("one", to)
    before = cluster.look("two", to)
    cluster.run("two", to)
    assert cluster.look("two", to) == before
    assert before.baseline.endswith("/late/1")


def test_the_very_model_that_a_run_elsewhere_pushed_is_no_other(cluster: Cluster):
    made = {
        part: cluster.folder / "runs" / "one" / part for part in ("model", "evaluation", "blessing", "pushed_model")
    }
    cluster.run("one")
    push(name="late", push_to=Push(to="models"), directory=cluster.folder, context={}, **made)
    found = cluster.look("one", "models").baseline
    assert found, "its provenance does not say of what training it came"
    with compared("evaluate", {"baseline_uri": found, **cluster.run("one")}) as given:
        assert given == {"baseline": None}
    with compared("evaluate", {"baseline_uri": found, **cluster.run("two")}) as given:
        assert given == {"baseline": found}


def test_a_version_pushed_without_statistics_is_passed_over(cluster: Cluster):
    for run in ("one", "two"):
        cluster.run(run, "models")
    newest = cluster.folder / "models" / "late" / "2" / "statistics"
    newest.rename(cluster.folder / "statistics")
    assert cluster.look("three", "models").previous == str(cluster.folder / "models" / "late" / "1" / "statistics")


def test_who_is_given_what_it_is_compared_with_fetches_nothing(cluster: Cluster):
    for step, arguments in (
        ("evaluate", {"baseline": Artifact("elsewhere")}),
        ("evaluate", {}),
        ("train", {"baseline_uri": "x"}),
    ):
        with compared(step, arguments) as found:
            assert found == {}


def test_a_store_that_refuses_stops_the_step_and_is_named(cluster: Cluster, s3_store: Any):
    s3_store.refuse = lambda method, path: 403
    with pytest.raises(StepFailed, match=r"^push\.to: s3://models/production/late: these credentials have no right"):
        cluster.look("one", "s3://models/production")
    with (
        pytest.raises(StepFailed, match=r"these credentials have no right .* There is nothing to compare with"),
        compared("validate", {"previous_uri": "s3://models/production/late/1/statistics"}),
    ):
        pass


def test_a_volume_that_is_not_mounted_is_not_taken_for_one_where_nothing_is(cluster: Cluster):
    with pytest.raises(StepFailed, match=r"none, is not there, .* Mount its volume in this step too"):
        cluster.look("one", "models", cluster.folder / "none")
    cluster.run("one", "models")
    found = cluster.look("two", "../models", cluster.folder / "none")
    assert found.baseline == str(cluster.folder / "models" / "late" / "1"), "it is there, whatever is beside it"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda late: late.symlink_to(late),
            r"late: cannot be read: Too many levels of symbolic links\. There is nothing to compare",
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
        cluster.look("one", "models")


def test_what_is_pushed_beside_a_model_leaves_its_digest_as_it_is(cluster: Cluster, to: str):
    model = Path(cluster.run("one", to)["model"].path)
    with compared("evaluate", {"baseline_uri": cluster.look("two", to).baseline, **cluster.run("two")}) as found:
        version = Path(found["baseline"])
        assert read_json(version / "provenance.json")["model_digest"] == folder_digest(model)
        beside = {path.name for path in version.iterdir()} - {path.name for path in model.iterdir()}
        assert beside == {"provenance.json", "statistics"}
