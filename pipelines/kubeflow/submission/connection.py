"""Which Kubeflow is asked, where, and as whom: from options, the spec's `cluster` section and the environment, in this order."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stellwerk.components.certificates import is_lenient
from stellwerk.errors import UsageError
from stellwerk.pipelines.kubeflow.submission.credentials import Credentials
from stellwerk.pipelines.kubeflow.submission.credentials.choosing import choose
from stellwerk.pipelines.kubeflow.submission.trust import Trust
from stellwerk.pipelines.kubeflow.submission.web import checked_url
from stellwerk.spec.cluster import Cluster

HOST = "KF_PIPELINES_ENDPOINT"
DASHBOARD = "KF_PIPELINES_UI_ENDPOINT"
NAMESPACE = "STELLWERK_NAMESPACE"
EXPERIMENT = "KF_PIPELINES_DEFAULT_EXPERIMENT_NAME"


POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
IN_CLUSTER = "http://ml-pipeline.kubeflow.svc.cluster.local:8888"


@dataclass(frozen=True)
class Asked:
    """What a person says about the connection; what is None comes from the spec or from the environment."""

    host: str | None = None
    """URL of Kubeflow Pipelines, e.g. https://kubeflow.example/pipeline."""
    dashboard: str | None = None
    """URL of its dashboard, where that is another."""
    namespace: str | None = None
    """Profile on a Kubeflow with several users."""
    experiment: str | None = None
    """Experiment of the runs; by default the pipeline's name."""
    token_file: Path | None = None
    """File with a bearer token."""
    token_env: str | None = None
    """Name of an environment variable with a bearer token."""
    oidc_issuer: str | None = None
    """URL of an OpenID provider that issues tokens."""
    oidc_client: str | None = None
    """Id of the client at that provider."""
    oidc_secret_env: str | None = None
    """Name of an environment variable with the client's secret."""
    oidc_refresh_file: Path | None = None
    """File with a refresh token; without one the client asks for itself."""
    oidc_scope: str = "openid"
    """Scopes to ask for."""
    user: str | None = None
    """User of a Kubeflow with a login page, that of Dex."""
    password_env: str | None = None
    """Name of an environment variable with the password; without one, and without a file, the terminal is asked."""
    password_file: Path | None = None
    """File with the password."""
    connector: str = "local"
    """By which connector of Dex the user is known."""
    iap_client: str | None = None
    """Id of the OAuth client of Google's Identity-Aware Proxy."""
    ca: Path | None = None
    """Certificates to trust (PEM)."""
    lenient_ca: bool = False
    """Whether certificates may leave out what RFC 5280 asks of them, such as the key usage of an authority."""
    client_certificate: Path | None = None
    """Certificate to show by TLS (PEM)."""
    client_key: Path | None = None
    """Its key, where that is in a file of its own."""
    timeout: float = 60.0
    """Seconds for one request."""
    patience: float = 120.0
    """Seconds to try again for, and to bear a step that cannot start."""


@dataclass(frozen=True)
class Connection:
    """One Kubeflow, and how it is asked."""

    host: str
    dashboard: str
    namespace: str | None = None
    experiment: str | None = None
    credentials: Credentials | None = None
    trust: Trust = field(default_factory=Trust)
    timeout: float = 60.0
    patience: float = 120.0

    def run_url(self, run: str) -> str:
        """Returns where the dashboard shows a run."""
        return f"{self.dashboard}/#/runs/details/{run}"

    def schedule_url(self, schedule: str) -> str:
        """Returns where the dashboard shows a schedule."""
        return f"{self.dashboard}/#/recurringrun/details/{schedule}"


def find_connection(
    asked: Asked = Asked(), cluster: Cluster | None = None, environment: Mapping[str, str] = os.environ
) -> Connection:
    """Puts a connection together; asks nobody yet. Raises UsageError when no host, or too much, is given."""
    spec = cluster
    in_pod = POD_NAMESPACE.exists()
    host = asked.host or (spec and spec.host) or environment.get(HOST) or (IN_CLUSTER if in_pod else None)
    if not host:
        message = "Which Kubeflow? Give its URL with --host, as `cluster.host` in the spec"
        raise UsageError(f"{message}, or in ${HOST}, e.g. https://kubeflow.example/pipeline.")
    host = checked_url(host)
    namespace = asked.namespace or (spec and spec.namespace) or environment.get(NAMESPACE)
    ca = asked.ca or (Path(environment["SSL_CERT_FILE"]) if environment.get("SSL_CERT_FILE") else None)
    lenient = asked.lenient_ca or is_lenient(environment)
    trust = Trust(ca, asked.client_certificate, asked.client_key, lenient)
    trust.check()
    return Connection(
        host=host,
        dashboard=checked_url(asked.dashboard or environment.get(DASHBOARD) or host),
        namespace=namespace or (POD_NAMESPACE.read_text(encoding="utf-8").strip() if in_pod else None) or None,
        experiment=asked.experiment or (spec and spec.experiment) or environment.get(EXPERIMENT) or None,
        credentials=choose(asked, host, trust, environment),
        trust=trust,
        timeout=asked.timeout,
        patience=asked.patience,
    )
