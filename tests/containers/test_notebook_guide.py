"""docs/guides/notebooks.md is true: its objects are what Kubernetes takes, and its cells run in the image, one after the other."""

from __future__ import annotations

import json
from pathlib import Path

import kubernetes_validate
import pytest

from ..pipelines.kubeflow.backend.server import Backend, serving  # noqa: TID252 - tests are no package
from .notebooks import ACCOUNT, TOKEN, answering, blocks, empty_home, object_of, prefix_of, started

NOTEBOOK, ACCESS, VOLUME = map(object_of, ("Notebook", "PodDefault", "PersistentVolumeClaim"))
NAMESPACE = NOTEBOOK["metadata"]["namespace"]
VERSIONS = ("1.29", "1.37")


@pytest.fixture(scope="module")
def backend():
    """Kubeflow Pipelines, which lets in who shows the token of the pod's service account."""
    with serving(Backend(tokens={"of-the-pod": {NAMESPACE}})) as running:
        yield running
    assert running.violations == []


@pytest.fixture(scope="module")
def cells(backend, client, notebook_image, tmp_path_factory):
    """Every cell of the guide with what became of it, run in the Notebook of the guide, and the home that is left."""
    folder = tmp_path_factory.mktemp("guide")
    home = empty_home(client, notebook_image, folder / "home", 100)
    for name, text in (("token", "of-the-pod"), ("namespace", NAMESPACE)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o644)
    files = {f"{TOKEN}/token": folder / "token", f"{ACCOUNT}/namespace": folder / "namespace"}
    reached = {"KF_PIPELINES_ENDPOINT": backend.url} | {each["name"]: each["value"] for each in ACCESS["spec"]["env"]}
    with (
        started(client, notebook_image, home, environment=reached, files=files) as running,
        answering(running, prefix_of(NOTEBOOK)).kernel() as kernel,
    ):
        ran = [(block, kernel.run(block)) for block in blocks("python")]
    return ran, home


def outcome(cells, part: str):
    (found,) = [outcome for block, outcome in cells[0] if part in block]
    return found


def test_every_cell_runs(cells):
    assert [(block, ran.error) for block, ran in cells[0] if ran.error] == []
    assert [(block, ran.text) for block, ran in cells[0] if "!" in block and ran.status != "0"] == []
    assert len(cells[0]) >= 9


def test_the_pipeline_runs_here_and_its_report_is_in_the_cell(cells):
    *_, statuses = outcome(cells, "stellwerk.run").shown  # before it, how far the run is
    assert set(json.loads(statuses["text/plain"].replace("'", '"')).values()) == {"done"}
    (shown,) = outcome(cells, "IFrame").shown
    _, _, page = shown["text/html"].partition('src="')
    assert (cells[1] / page.partition('"')[0]).stat().st_size > 10_000
    assert (cells[1] / "models" / "churn" / "1" / "saved_model.pb").exists()


def test_the_run_arrives_with_the_pods_token_and_what_the_cell_says(cells, backend):
    (run,) = backend.runs.values()
    assert run["runtime_config"]["parameters"] == {"epochs": 20, "push_to": "s3://models-of-team-flights"}
    assert {each["namespace"] for each in backend.experiments.values()} == {NAMESPACE}
    dashboard = {each["name"]: each["value"] for each in NOTEBOOK["spec"]["template"]["spec"]["containers"][0]["env"]}
    url = outcome(cells, "stellwerk.submit").text.strip()
    assert url == f"{dashboard['KF_PIPELINES_UI_ENDPOINT']}/#/runs/details/{run['run_id']}"


def test_the_schedule_is_made_and_told(cells, backend):
    (schedule,) = backend.schedules.values()
    assert schedule["trigger"]["periodic_schedule"]["interval_second"] == "86400"
    assert schedule["display_name"] == "churn"
    assert schedule["recurring_run_id"] in outcome(cells, "stellwerk schedule").text


def test_steps_on_the_cluster_find_the_file_in_the_workspace(cells):
    """The compiled pipeline mounts the volume that the Notebook has as its home."""
    compiled = (cells[1] / "ir.yaml").read_text()
    assert VOLUME["metadata"]["name"] in compiled
    claims = [volume.get("persistentVolumeClaim") for volume in NOTEBOOK["spec"]["template"]["spec"]["volumes"]]
    assert {"claimName": VOLUME["metadata"]["name"]} in claims
    assert VOLUME["spec"]["accessModes"] == ["ReadWriteMany"]


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_the_objects(version):
    kubernetes_validate.validate(VOLUME, version, strict=True)
    added = ACCESS["spec"]
    pod = json.loads(json.dumps(NOTEBOOK["spec"]["template"]["spec"]))
    pod["volumes"] += added["volumes"]
    pod["containers"][0]["volumeMounts"] += added["volumeMounts"]
    pod["containers"][0]["env"] += added["env"]
    kubernetes_validate.validate({"apiVersion": "v1", "kind": "Pod", "spec": pod}, version, strict=True)


def test_the_notebook_is_one_and_is_given_the_token():
    assert (NOTEBOOK["apiVersion"], ACCESS["apiVersion"]) == ("kubeflow.org/v1", "kubeflow.org/v1alpha1")
    assert set(NOTEBOOK) == {"apiVersion", "kind", "metadata", "spec"}
    assert ACCESS["spec"]["selector"]["matchLabels"].items() <= NOTEBOOK["metadata"]["labels"].items()
    assert {each["metadata"]["namespace"] for each in (NOTEBOOK, ACCESS, VOLUME)} == {NAMESPACE}
    (token,) = ACCESS["spec"]["volumes"][0]["projected"]["sources"]
    where = Path(ACCESS["spec"]["volumeMounts"][0]["mountPath"]) / token["serviceAccountToken"]["path"]
    assert str(where) == f"{TOKEN}/token"
