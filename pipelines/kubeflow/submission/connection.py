"""Which Kubeflow is asked, where, and as whom: from options, the spec's `cluster` section and the environment, in this order."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stellwerk.errors import UsageError
from stellwerk.pipelines.kubeflow.submission.credentials import (
    Credentials,
    FileToken,
    OidcToken,
    VariableToken,
    pod_credentials,
)
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
    ca: Path | None = None
    """Certificates to trust (PEM)."""
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
    ca: Path | None = None
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
    host = _url(host)
    namespace = asked.namespace or (spec and spec.namespace) or environment.get(NAMESPACE)
    ca = asked.ca or (Path(environment["SSL_CERT_FILE"]) if environment.get("SSL_CERT_FILE") else None)
    if ca is not None and not ca.is_file():
        raise UsageError(f"{ca}: there is no file of certificates. --ca names one in PEM.")
    return Connection(
        host=host,
        dashboard=_url(asked.dashboard or environment.get(DASHBOARD) or host),
        namespace=namespace or (POD_NAMESPACE.read_text(encoding="utf-8").strip() if in_pod else None) or None,
        experiment=asked.experiment or (spec and spec.experiment) or environment.get(EXPERIMENT) or None,
        credentials=_credentials(asked, environment, ca),
        ca=ca,
        timeout=asked.timeout,
        patience=asked.patience,
    )


def _url(host: str) -> str:
    if not re.match(r"[a-z]+://", host):
        host = f"https://{host}"
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", host):
        message = "is no URL of Kubeflow Pipelines, such as https://kubeflow.example/pipeline"
        shown = "The host" if "@" in host else f"'{host}'"
        raise UsageError(f"{shown} {message}. Leave users, passwords, '?' and '#' out of it.")
    return host.rstrip("/")


def _credentials(asked: Asked, environment: Mapping[str, str], ca: Path | None) -> Credentials | None:
    given = {
        "--token-file": asked.token_file,
        "--token-env": asked.token_env,
        "--oidc-issuer": asked.oidc_issuer,
    }
    named = [name for name, value in given.items() if value]
    if len(named) > 1:
        raise UsageError(f"{' and '.join(named)} each say who asks. Give one of them.")
    if asked.token_file:
        return FileToken(asked.token_file)
    if asked.token_env:
        return VariableToken.read(asked.token_env, environment)
    if asked.oidc_issuer:
        return _oidc(asked, environment, ca)
    return pod_credentials(environment)


def _oidc(asked: Asked, environment: Mapping[str, str], ca: Path | None) -> OidcToken:
    if not asked.oidc_client:
        raise UsageError("--oidc-issuer also needs --oidc-client, the id of the client at that provider.")
    secret, refresh = None, asked.oidc_refresh_file
    if asked.oidc_secret_env:
        secret = VariableToken.read(asked.oidc_secret_env, environment).value
    if refresh is not None:
        FileToken(refresh).token()
    if secret is None and refresh is None:
        raise UsageError("--oidc-issuer also needs --oidc-secret-env or --oidc-refresh-file: nothing to show to it.")
    return OidcToken(_url(asked.oidc_issuer or ""), asked.oidc_client, secret, refresh, asked.oidc_scope, ca)
