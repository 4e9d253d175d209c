"""Which Kubeflow: options come before the spec, the spec before the environment, and a pod knows its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from stellwerk.pipelines.kubeflow.submission import Asked, find_connection
from stellwerk.pipelines.kubeflow.submission.connection import IN_CLUSTER
from stellwerk.spec.cluster import Cluster

CLUSTER = Cluster(image="x/y:1", host="https://spec.example/", namespace="spec", experiment="of-the-spec")
ENVIRONMENT = {
    "KF_PIPELINES_ENDPOINT": "http://environment.example/pipeline/",
    "KF_PIPELINES_UI_ENDPOINT": "https://dashboard.example",
    "STELLWERK_NAMESPACE": "environment",
    "KF_PIPELINES_DEFAULT_EXPERIMENT_NAME": "of-the-environment",
}


def test_options_come_first():
    asked = Asked(
        host="option.example", namespace="option", experiment="of-the-option", dashboard="https://ui.example/"
    )
    made = find_connection(asked, CLUSTER, ENVIRONMENT)
    assert (made.host, made.namespace, made.experiment) == ("https://option.example", "option", "of-the-option")
    assert made.run_url("1") == "https://ui.example/#/runs/details/1"


def test_then_the_spec():
    made = find_connection(Asked(), CLUSTER, ENVIRONMENT)
    assert (made.host, made.namespace, made.experiment) == ("https://spec.example", "spec", "of-the-spec")
    assert made.dashboard == "https://dashboard.example"


def test_then_the_environment():
    made = find_connection(Asked(), None, ENVIRONMENT)
    assert made.host == "http://environment.example/pipeline"
    assert (made.namespace, made.experiment) == ("environment", "of-the-environment")


def test_in_a_pod_the_cluster_s_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "namespace").write_text("team-a\n")
    (tmp_path / "token").write_text("projected")
    monkeypatch.setattr("stellwerk.pipelines.kubeflow.submission.connection.POD_NAMESPACE", tmp_path / "namespace")
    made = find_connection(Asked(), None, {"KF_PIPELINES_SA_TOKEN_PATH": str(tmp_path / "token")})
    assert (made.host, made.namespace) == (IN_CLUSTER, "team-a")
    assert made.credentials is not None
    assert made.credentials.token() == "projected"


def test_a_connection_shows_no_secret(tmp_path: Path):
    made = find_connection(Asked(host="https://a.example", token_env="KFP"), None, {"KFP": "s3cr3t"})
    issuer = Asked(host="https://a.example", oidc_issuer="https://i.example", oidc_client="c", oidc_secret_env="KFP")
    assert "s3cr3t" not in repr(made) + repr(find_connection(issuer, None, {"KFP": "s3cr3t"}))
