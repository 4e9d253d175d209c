"""With `cluster.examples: in_place` steps are given where rows lie, and read them there; nothing fetches them for a pod."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import components as kfp_components

from stellwerk.errors import SpecError
from stellwerk.loading import load
from stellwerk.pipelines.kubeflow.compilation import compile as compile_spec
from stellwerk.pipelines.kubeflow.compilation import intermediate

IMAGE = "cluster.image=registry.example/stellwerk:0.1.0"
ROOT = "cluster.pipeline_root=s3://runs/flights"
IN_PLACE = "cluster.examples=in_place"
READERS = {
    "validate": ("examples", "ingest"),
    "transform": ("examples", "ingest"),
    "train": ("transformed", "transform"),
    "convert": ("transformed", "transform"),
    "evaluate": ("examples", "ingest"),
    "rehearse": ("examples", "ingest"),
}
"""Steps that read rows, the argument that is theirs, and who makes them."""


@pytest.fixture
def spec(make_project: Callable[[Path], Path], tmp_path: Path) -> Path:
    """A small pipeline with every step that there is."""
    path = make_project(tmp_path / "project")
    everything = "push: {to: models, formats: [saved_model, litert], rehearse: {requests: 20}}"
    path.write_text(path.read_text(encoding="utf-8").replace("push: {to: models}", everything), encoding="utf-8")
    return path


def tasks(ir: dict[str, Any]) -> dict[str, Any]:
    """The tasks of a pipeline by name, however they are grouped."""
    inside = [ir["root"], *ir["components"].values()]
    return {name: task for each in inside for name, task in each.get("dag", {}).get("tasks", {}).items()}


def test_no_step_is_given_rows_as_an_artifact_and_each_is_told_where_they_lie(spec: Path, tmp_path: Path):
    compile_spec(load(spec, [IMAGE, ROOT, IN_PLACE]), tmp_path / "ir.yaml")
    text = (tmp_path / "ir.yaml").read_text(encoding="utf-8")
    found = tasks(next(iter(yaml.load_all(text, yaml.CSafeLoader))))
    for step, (argument, maker) in READERS.items():
        given = found[step]["inputs"]
        assert argument not in given.get("artifacts", {})
        made = given["parameters"][f"{argument}_uri"]["taskOutputParameter"]
        assert made == {"producerTask": maker, "outputParameterKey": "Output"}
    assert kfp_components.load_component_from_text(text).name == "small-flights"


@pytest.mark.parametrize("how", [{"local": True}, {}], ids=["in containers here", "copied"])
def test_otherwise_rows_are_artifacts(spec: Path, how: dict[str, Any]):
    overrides = [IMAGE, ROOT, *([IN_PLACE] if how else [])]
    found = tasks(intermediate(load(spec, overrides), **how)[0])
    for step, (argument, _) in READERS.items():
        assert argument in found[step]["inputs"]["artifacts"]
        assert f"{argument}_uri" not in found[step]["inputs"]["parameters"]


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ([IN_PLACE], r"cluster\.examples: in_place needs to know the store"),
        ([IN_PLACE, f"{ROOT}?endpoint=minio:9000"], r"cluster\.pipeline_root: cannot have a query"),
        (["cluster.examples=stream"], r"cluster\.examples: "),
    ],
)
def test_what_cannot_be_read_in_place_is_refused(spec: Path, overrides: list[str], said: str):
    with pytest.raises(SpecError, match=said):
        load(spec, [IMAGE, *overrides])


RUN = "small-flights/0f6c2b5e-9d0a-4c39-8a53-2f4f0f6d7a11"


@pytest.fixture(params=["s3", "gcs"])
def store(request: pytest.FixtureRequest) -> tuple[str, Callable[[str, bytes], None]]:
    """The URI of a run's folder in each kind of store in turn, and what puts files there."""
    server = request.getfixturevalue(f"{request.param}_store")
    if request.param == "s3":
        return f"s3://models/{RUN}", lambda name, data: server.content.put_object(
            Bucket="models", Key=f"{RUN}/{name}", Body=data
        )
    from google.cloud import storage  # noqa: PLC0415

    bucket = storage.Client(project=None).bucket("models")
    return f"gs://models/{RUN}", lambda name, data: bucket.blob(f"{RUN}/{name}").upload_from_string(data)


@pytest.fixture
def ran(finished: Path) -> Path:
    return max((finished.parent / "runs").glob("*/*/run.json")).parent


@pytest.fixture
def uri(ran: Path, store: tuple[str, Callable[[str, bytes], None]]) -> str:
    """The URI of a run's folder in a store, where the rows of a run here lie."""
    uri, put = store
    for step, artifact in (("ingest", "examples"), ("transform", "transformed")):
        for file in (ran / step / artifact).rglob("*.*"):
            put(f"{step}/{artifact}/{file.relative_to(ran / step / artifact).as_posix()}", file.read_bytes())
    return uri


@pytest.mark.parametrize("store", ["gcs"], indirect=True)
def test_a_model_is_rehearsed_and_converted_with_rows_in_a_store(uri: str, ran: Path, tmp_path: Path):
    from stellwerk.components.conversion.network import Network  # noqa: PLC0415
    from stellwerk.components.rehearsal.apis import APIS  # noqa: PLC0415
    from stellwerk.components.rehearsal.asking import prepare  # noqa: PLC0415
    from stellwerk.spec.rehearse import Rehearse  # noqa: PLC0415

    model, settings = tmp_path / "model", Rehearse(requests=20)
    shutil.copytree(ran / "train" / "model", model)
    there, here = (
        prepare(settings, APIS[settings.api], place, model)
        for place in (f"{uri}/ingest/examples", ran / "ingest" / "examples")
    )
    assert there.bodies == here.bodies
    row, other = (
        next(Network(model, place).rows())
        for place in (f"{uri}/transform/transformed", ran / "transform" / "transformed")
    )
    assert row == other
