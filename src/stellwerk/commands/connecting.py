"""`stellwerk connect`, and what it has in common with all commands that ask Kubeflow: which one, as whom, how patiently."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from stellwerk.commands.options import JSON, load
from stellwerk.errors import SpecError

if TYPE_CHECKING:
    from stellwerk.pipelines.kubeflow.submission import Connection, Kubeflow
    from stellwerk.spec.cluster import Cluster

F = TypeVar("F", bound=Callable[..., Any])

FROM = click.option(
    "--spec", type=click.Path(path_type=Path), help="Spec whose `cluster` section says where; else pipeline.yaml."
)

_FILE = click.Path(path_type=Path)
_OPTIONS = (
    click.option("--host", help="URL of Kubeflow Pipelines; else cluster.host, $KF_PIPELINES_ENDPOINT, the pod's own."),
    click.option("--dashboard", help="URL of its dashboard, where that is another; else $KF_PIPELINES_UI_ENDPOINT."),
    click.option("--namespace", help="Namespace, with several users; else cluster.namespace, $STELLWERK_NAMESPACE."),
    click.option("--experiment", help="Experiment of the runs; else cluster.experiment, the pipeline's name."),
    click.option("--token-file", type=_FILE, help="File with a bearer token, read for every request."),
    click.option("--token-env", metavar="NAME", help="Environment variable with a bearer token."),
    click.option("--oidc-issuer", metavar="URL", help="OpenID provider that issues tokens."),
    click.option("--oidc-client", metavar="ID", help="Client at that provider."),
    click.option("--oidc-secret-env", metavar="NAME", help="Environment variable with the client's secret."),
    click.option("--oidc-refresh-file", type=_FILE, help="File with a refresh token, instead of the client's secret."),
    click.option("--oidc-scope", default="openid", show_default=True, help="Scopes to ask for."),
    click.option("--user", metavar="NAME", help="User of a Kubeflow with Dex' login page."),
    click.option(
        "--password-env", metavar="NAME", help="Environment variable with the password; else it is asked for."
    ),
    click.option("--password-file", type=_FILE, help="File with the password."),
    click.option("--connector", default="local", show_default=True, help="Connector of Dex that knows the user."),
    click.option("--iap-client", metavar="ID", help="OAuth client of Google's Identity-Aware Proxy."),
    click.option("--ca", type=_FILE, help="Certificates to trust (PEM); else $SSL_CERT_FILE."),
    click.option(
        "--lenient-ca",
        is_flag=True,
        help="Take certificates without key usage and the like, as Go does; else $STELLWERK_LENIENT_CA.",
    ),
    click.option("--client-certificate", type=_FILE, help="Certificate to show by TLS (PEM)."),
    click.option("--client-key", type=_FILE, help="Its key, where that is in a file of its own."),
    click.option(
        "--timeout", type=click.FloatRange(min=0.1), default=60.0, show_default=True, help="Seconds for one request."
    ),
    click.option(
        "--patience",
        type=click.FloatRange(min=0),
        default=120.0,
        show_default=True,
        help="Seconds to try again for, and to bear a stuck step.",
    ),
)


def connecting(command: F) -> F:
    """Gives a command the options of the connection."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def connected(given: dict[str, Any], cluster: Cluster | None) -> Kubeflow:
    """Returns the Kubeflow that the options, the spec and the environment name; takes the options out of `given`."""
    from stellwerk.pipelines.kubeflow.submission import Kubeflow  # noqa: PLC0415

    return Kubeflow(connection_of(given, cluster))


def connection_of(given: dict[str, Any], cluster: Cluster | None) -> Connection:
    """Returns the connection that the options, the spec and the environment name."""
    from stellwerk.pipelines.kubeflow.submission import Asked, find_connection  # noqa: PLC0415

    return find_connection(Asked(**{field.name: given.pop(field.name) for field in fields(Asked)}), cluster)


def cluster_of(spec: Path | None, given: dict[str, Any]) -> Cluster | None:
    """Returns the `cluster` section of a spec: of the one that is named, or of pipeline.yaml where there is one.

    Where the host is said otherwise, a pipeline.yaml that nobody named and that is wrong does not matter.
    """
    if spec is not None:
        return load(spec).spec.cluster
    if not Path("pipeline.yaml").exists():
        return None
    try:
        return load(Path("pipeline.yaml")).spec.cluster
    except SpecError:
        if given["host"] or os.environ.get("KF_PIPELINES_ENDPOINT"):
            return None
        raise


@click.command(short_help="Say whether Kubeflow can be reached, and as whom.")
@FROM
@connecting
@JSON
def connect(*, spec: Path | None, as_json: bool, **given: Any) -> None:
    """Say whether Kubeflow can be reached and lets you in; nothing is changed there.

    The options are those of submit, schedule and cluster. As whom:

    \b
      port forward, no login        nothing
      Dex' login page               --user NAME --password-env NAME (or --password-file, or asked for)
      a token of somebody's         --token-file FILE or --token-env NAME
      your own OpenID provider      --oidc-issuer URL --oidc-client ID, and --oidc-refresh-file
                                    or --oidc-secret-env
      a service account outside     --token-file, from `kubectl create token ACCOUNT
                                    --audience=pipelines.kubeflow.org`
      Google's IAP                  --iap-client ID, and $GOOGLE_APPLICATION_CREDENTIALS
      in a pod of the cluster       nothing: the pod's token is taken
      mutual TLS                    --client-certificate FILE --client-key FILE, with any of them

    \b
    Passwords and tokens are in files or in environment variables, and never in a spec.
    $HTTPS_PROXY and $NO_PROXY count for every request.
    """  # noqa: D301 - the backspace keeps click from joining lines
    from stellwerk.pipelines.kubeflow.submission import reach  # noqa: PLC0415

    found = reach(connected(given, cluster_of(spec, given)))
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=1))
        return
    click.echo(f"{found.host}: answers, and takes {found.who or 'everybody'}")
    if found.several_users:
        click.echo(f"namespace {found.namespace}: its runs may be listed")
