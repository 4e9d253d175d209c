"""The manifests of docs/guides/tenants are what Kubernetes takes, and keep a team to itself."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from stellwerk.serving.manifests import Release, manifests
from stellwerk.spec import Data, Push
from stellwerk.spec.cluster import Cluster

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "guides" / "tenants"
TEAM = "team-flights"
VERSIONS = ("1.29", "1.37")

SUBJECT = {
    "type": "object",
    "properties": {
        "kind": {"enum": ["User", "Group", "ServiceAccount"]},
        "name": {"type": "string", "minLength": 1},
        "apiGroup": {"type": "string"},
        "namespace": {"type": "string"},
    },
    "required": ["kind", "name"],
    "additionalProperties": False,
}
PROFILE = {
    "type": "object",
    "properties": {
        "apiVersion": {"const": "kubeflow.org/v1"},
        "kind": {"const": "Profile"},
        "metadata": {"type": "object", "not": {"required": ["namespace"]}, "required": ["name"]},
        "spec": {
            "type": "object",
            "properties": {
                "owner": SUBJECT,
                "plugins": {"type": "array"},
                "resourceQuotaSpec": {"type": "object"},
            },
            "required": ["owner"],
            "additionalProperties": False,
        },
    },
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "additionalProperties": False,
}
"""Kubeflow's Profile, of which a cluster has the definition and Kubernetes has none."""

SECRET_KEYS = ("secretName", "accessKeyKey", "secretKeyKey", "tokenKey")
PROVIDER = {
    "type": "object",
    "properties": {
        "endpoint": {"type": "string", "not": {"pattern": "://"}},
        "region": {"type": "string"},
        "disableSSL": {"type": "boolean"},
        "forcePathStyle": {"type": "boolean"},
        "maxRetries": {"type": "integer"},
        "credentials": {
            "type": "object",
            "properties": {
                "fromEnv": {"type": "boolean"},
                "secretRef": {
                    "type": "object",
                    "properties": {key: {"type": "string"} for key in SECRET_KEYS},
                    "required": ["secretName"],
                    "additionalProperties": False,
                },
            },
            "required": ["fromEnv"],
            "additionalProperties": False,
        },
    },
    "required": ["credentials"],
    "additionalProperties": False,
}
PROVIDERS = {
    "type": "object",
    "propertyNames": {"enum": ["s3", "gs", "minio"]},
    "additionalProperties": {
        "type": "object",
        "properties": {"default": PROVIDER, "overrides": {"type": "array"}},
        "additionalProperties": False,
    },
}
"""What the launcher of Kubeflow Pipelines reads in `kfp-launcher`."""

Manifest = dict[str, Any]


def _read(text: str) -> list[Manifest]:
    return [manifest for manifest in yaml.safe_load_all(text) if manifest]


MANIFESTS = [manifest for file in sorted(FOLDER.glob("*.yaml")) for manifest in _read(file.read_text(encoding="utf-8"))]


def _of(*kinds: str) -> dict[str, Manifest]:
    return {one["metadata"]["name"]: one for one in MANIFESTS if one["kind"] in kinds}


def _check(manifest: Manifest, versions: tuple[str, ...] = VERSIONS) -> None:
    if manifest["kind"] == "Profile":
        jsonschema.validate(manifest, PROFILE)
        return
    for version in versions:
        kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_every_manifest_is_what_the_cluster_takes(manifest: Manifest) -> None:
    _check(manifest)
    where = manifest["metadata"].get("namespace", manifest["metadata"]["name"])
    assert where == TEAM


@pytest.mark.parametrize("kind", ["NetworkPolicy", "Role", "ResourceQuota", "ConfigMap", "Profile"])
def test_a_key_that_does_not_exist_is_seen(kind: str) -> None:
    wrong = next(one for one in MANIFESTS if one["kind"] == kind)
    with pytest.raises((kubernetes_validate.ValidationError, jsonschema.ValidationError)):
        _check({**wrong, "specification": {}})


def test_no_secret_is_written_down() -> None:
    assert {one["kind"] for one in MANIFESTS}.isdisjoint({"Secret"})


def test_nobody_may_do_everything_and_nobody_reads_a_secret_but_by_its_name() -> None:
    rules = [rule for role in _of("Role").values() for rule in role["rules"]]
    assert rules
    for rule in rules:
        assert "*" not in [*rule["verbs"], *rule["resources"], *rule["apiGroups"]]
        assert "secrets" not in rule["resources"] or rule["resourceNames"] == ["artifact-store"]


def test_every_binding_gives_a_role_that_exists_to_an_account_that_exists() -> None:
    bindings = [one for one in MANIFESTS if one["kind"] == "RoleBinding"]
    assert bindings
    for binding in bindings:
        assert binding["roleRef"]["name"] in _of("Role")
        for subject in binding["subjects"]:
            assert subject["namespace"] == TEAM
            assert subject["name"] in _of("ServiceAccount")


def test_who_need_not_talk_to_the_cluster_has_no_token() -> None:
    accounts = _of("ServiceAccount")
    closed = {name for name, one in accounts.items() if one.get("automountServiceAccountToken") is False}
    assert closed == {"model-reader", "pipeline-submitter"}


def test_artifacts_go_to_the_teams_bucket_with_a_secret_that_its_steps_may_read() -> None:
    data = _of("ConfigMap")["kfp-launcher"]["data"]
    assert data["defaultPipelineRoot"].startswith(f"s3://{TEAM}-")
    providers = yaml.safe_load(data["providers"])
    jsonschema.validate(providers, PROVIDERS)
    (provider,) = providers.values()
    named = provider["default"]["credentials"]["secretRef"]["secretName"]
    assert any(
        named in rule.get("resourceNames", ()) and rule["verbs"] == ["get"]
        for rule in _of("Role")["pipeline-runner"]["rules"]
    )


def test_all_that_is_not_allowed_is_denied() -> None:
    denied = _of("NetworkPolicy")["default-deny"]["spec"]
    assert denied == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name, policy in _of("NetworkPolicy").items():
        for allowed in [*policy["spec"].get("ingress", ()), *policy["spec"].get("egress", ())]:
            assert allowed["ports"], name
            assert allowed.get("from") or allowed.get("to"), name


def test_no_other_team_and_no_metadata_server_is_reached() -> None:
    for name, policy in _of("NetworkPolicy").items():
        for rule in policy["spec"].get("egress", ()):
            for peer in rule["to"]:
                block = peer.get("ipBlock", {})
                if block.get("cidr") == "0.0.0.0/0":
                    assert set(block["except"]) == {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"}
                elif not block:
                    assert peer["namespaceSelector"]["matchLabels"], name


def _labels(manifest: Manifest) -> dict[str, str]:
    labels: dict[str, str] = manifest["spec"]["template"]["metadata"]["labels"]
    return labels


def test_the_policies_mean_the_pods_that_push_makes_and_their_ports() -> None:
    push = Push.model_validate({"to": "s3://team-flights-models", "kubernetes": {"namespace": TEAM}})
    deployment = manifests(push, Release("flights", 1, "digest"))["deployment.yaml"]
    policy = _of("NetworkPolicy")["model-servers"]["spec"]
    assert policy["podSelector"]["matchLabels"].items() <= _labels(deployment).items()
    server = deployment["spec"]["template"]["spec"]["containers"][0]
    assert [port["port"] for port in policy["ingress"][0]["ports"]] == [
        port["containerPort"] for port in server["ports"]
    ]


def test_the_quota_asks_for_limits_and_the_range_gives_them() -> None:
    hard = _of("ResourceQuota")["team"]["spec"]["hard"]
    (limits,) = _of("LimitRange")["containers"]["spec"]["limits"]
    for amount in ("cpu", "memory"):
        assert {f"requests.{amount}", f"limits.{amount}"} <= set(hard)
        assert {amount} <= set(limits["default"]) & set(limits["defaultRequest"])


def test_another_team_is_the_same_files_under_another_name() -> None:
    for file in FOLDER.glob("*.yaml"):
        for manifest in _read(file.read_text(encoding="utf-8").replace(TEAM, "team-weather")):
            _check(manifest, VERSIONS[-1:])
            assert manifest["metadata"].get("namespace", manifest["metadata"]["name"]) == "team-weather"


SECTIONS = {"cluster": Cluster, "push": Push, "data": Data}


@pytest.mark.parametrize("page", ["tenants.md", "object-stores.md"])
def test_sections_in_the_guides_are_sections_of_a_spec(page: str) -> None:
    blocks = re.findall(r"^ *```yaml\n(.*?)^ *```", (FOLDER.parent / page).read_text(), re.DOTALL | re.MULTILINE)
    assert blocks
    for block in blocks:
        for name, section in yaml.safe_load(textwrap.dedent(block)).items():
            SECTIONS[name].model_validate({"query": "SELECT 1", **section} if name == "data" else section)
