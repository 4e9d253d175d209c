"""Manifests that serve a version: valid for every supported Kubernetes, closed, and the command starts what it should."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from stellwerk.serving.manifests import LINKED, Release, as_yaml, manifests, storage_uri
from stellwerk.spec import Push

RELEASE = Release("late", 3, "ab" * 32)
KSERVE_KEYS = {"minReplicas": int, "canaryTrafficPercent": int}
"""What a predictor has besides a pod's spec, as KServe's CRD has it."""


def made(to="gs://bucket/models", **sections):
    push = Push.model_validate({"to": to, **sections})
    return push, manifests(push, RELEASE)


BOTH = {"kserve": {"namespace": "ml"}, "kubernetes": {"namespace": "ml", "service": "late-plain"}}
PLACES = [
    ("gs://bucket/models", {}),
    ("s3://bucket", {"service_account": "reader", "cpu": 0.5, "memory": "1.5Gi"}),
    ("models", {"storage_uri": "pvc://claim/models"}),
]


def valid(manifest):
    for version in ("1.25", "1.31", "1.37"):
        kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize(("to", "more"), PLACES)
def test_every_manifest_is_valid_by_the_schemas_of_kubernetes(to, more):
    sections = {key: {**section, **more} for key, section in BOTH.items()}
    sections["kserve"]["canary_percent"] = 10
    _, found = made(to, **sections)
    assert list(found) == ["inference-service.yaml", "deployment.yaml", "service.yaml"]
    valid(found["deployment.yaml"])
    valid(found["service.yaml"])
    predictor = dict(found["inference-service.yaml"]["spec"]["predictor"])
    for key, kind in KSERVE_KEYS.items():
        assert isinstance(predictor.pop(key), kind)
    template = {"metadata": {"labels": {"a": "b"}}, "spec": predictor}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    valid({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "late"}, "spec": spec})


def test_a_manifest_with_a_wrong_key_is_not_valid():
    _, found = made(kubernetes={"namespace": "ml"})
    found["deployment.yaml"]["spec"]["template"]["spec"]["contaners"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        valid(found["deployment.yaml"])


def test_manifests_survive_being_written_as_yaml():
    _, found = made(**BOTH)
    assert {name: yaml.safe_load(as_yaml(one)) for name, one in found.items()} == found


def test_nothing_runs_as_root_and_nothing_is_open():
    _, found = made(**BOTH)
    for pod in (
        found["inference-service.yaml"]["spec"]["predictor"],
        found["deployment.yaml"]["spec"]["template"]["spec"],
    ):
        assert pod["automountServiceAccountToken"] is False
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            closed = container["securityContext"]
            assert closed["runAsNonRoot"]
            assert closed["readOnlyRootFilesystem"]
            assert not closed["allowPrivilegeEscalation"]
            assert closed["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"] == {"cpu": "1", "memory": "2G"}
            assert container["image"].partition(":")[2]
            assert "latest" not in container["image"]


def test_a_claim_is_mounted_and_a_bucket_is_fetched_from():
    _, mounted = made("models", kubernetes={"namespace": "ml", "storage_uri": "pvc://claim/models"})
    pod = mounted["deployment.yaml"]["spec"]["template"]["spec"]
    assert "initContainers" not in pod
    assert pod["volumes"][0]["persistentVolumeClaim"] == {"claimName": "claim", "readOnly": True}
    mount = {"name": "model", "mountPath": "/models/late/3", "readOnly": True, "subPath": "models/late/3"}
    assert pod["containers"][0]["volumeMounts"][0] == mount
    _, fetched = made("s3://b1/m/", kubernetes={"namespace": "ml", "credentials_secret": "key"})
    container = fetched["deployment.yaml"]["spec"]["template"]["spec"]["initContainers"][0]
    assert container["args"] == ["s3://b1/m/late/3", "/mnt/models"]
    assert container["envFrom"] == [{"secretRef": {"name": "key"}}]


def test_the_cluster_may_see_the_storage_under_another_name():
    push, _ = made("gs://here", kserve={"namespace": "ml", "storage_uri": "s3://mirror/models"})
    assert storage_uri(push, push.kserve, RELEASE) == "s3://mirror/models/late/3"


def test_a_first_canary_has_no_share_unless_it_is_asked_for():
    _, found = made(kserve={"namespace": "ml"})
    assert "canaryTrafficPercent" not in found["inference-service.yaml"]["spec"]["predictor"]
    _, found = made(kserve={"namespace": "ml", "canary_percent": 0})
    assert found["inference-service.yaml"]["spec"]["predictor"]["canaryTrafficPercent"] == 0


def test_the_command_of_the_inference_service_gives_the_version_its_number(tmp_path):
    program = tmp_path / "bin" / "tensorflow_model_server"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nls -d "$VERSIONS"/*/saved_model.pb; echo "$@"\n')
    program.chmod(0o755)
    (tmp_path / "versions").mkdir()
    (tmp_path / "mounted").mkdir()
    (tmp_path / "mounted" / "saved_model.pb").touch()
    _, found = made(kserve={"namespace": "ml"})
    container = found["inference-service.yaml"]["spec"]["predictor"]["containers"][0]
    script = LINKED.replace("/versions/", f"{tmp_path}/versions/")
    flags = container["args"][4:]
    command = [*container["command"], "-c", script, str(tmp_path / "mounted"), container["args"][3], *flags]
    environment = {"PATH": f"{program.parent}:{os.environ['PATH']}", "VERSIONS": str(tmp_path / "versions")}
    for _ in range(2):  # a container that starts again finds its link
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.splitlines() == [f"{tmp_path}/versions/3/saved_model.pb", " ".join(flags)]
    assert container["args"][:4] == ["-c", LINKED, "/mnt/models", "3"]
    assert "--model_base_path=/versions" in flags


def test_the_python_of_the_guide_prints_manifests(capsys):
    guide = Path(__file__).parents[2] / "docs" / "guides" / "deploying.md"
    exec(guide.read_text().split("```python\n")[1].split("```")[0], {})
    file, _, text = capsys.readouterr().out.partition("\n")
    assert file == "inference-service.yaml"
    assert yaml.safe_load(text)["metadata"]["name"] == "flight-delays"
