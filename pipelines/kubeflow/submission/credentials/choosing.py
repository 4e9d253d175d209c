"""Which credentials are meant by what a person says; nobody is asked yet."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from stellwerk.errors import UsageError
from stellwerk.pipelines.kubeflow.submission.credentials import Credentials
from stellwerk.pipelines.kubeflow.submission.credentials.google import GoogleToken
from stellwerk.pipelines.kubeflow.submission.credentials.openid import OidcToken
from stellwerk.pipelines.kubeflow.submission.credentials.session import Session
from stellwerk.pipelines.kubeflow.submission.credentials.tokens import (
    FileToken,
    VariableToken,
    pod_credentials,
    text_of,
    variable,
)
from stellwerk.pipelines.kubeflow.submission.trust import Trust
from stellwerk.pipelines.kubeflow.submission.web import Web, checked_url

if TYPE_CHECKING:
    from stellwerk.pipelines.kubeflow.submission.connection import Asked

WAYS: dict[str, str] = {
    "--token-file": "token_file",
    "--token-env": "token_env",
    "--oidc-issuer": "oidc_issuer",
    "--user": "user",
    "--iap-client": "iap_client",
}
"""Options that say who asks, and the attributes of Asked that hold them."""


def choose(asked: Asked, host: str, trust: Trust, environment: Mapping[str, str]) -> Credentials | None:
    """Returns who asks; in a pod its service account where nothing else is said. Raises UsageError for too much or too little."""
    named = [option for option, attribute in WAYS.items() if getattr(asked, attribute)]
    if len(named) > 1:
        raise UsageError(f"{' and '.join(named)} each say who asks. Give one of them.")
    if (asked.password_env or asked.password_file) and not asked.user:
        raise UsageError("a password is somebody's: say whose with --user.")
    if asked.token_file:
        return FileToken(asked.token_file)
    if asked.token_env:
        return VariableToken.read(asked.token_env, environment)
    if asked.oidc_issuer:
        return _oidc(asked, trust, environment)
    if asked.user:
        return Session(host, asked.user, _password(asked, host, environment), asked.connector, Web(trust))
    if asked.iap_client:
        return GoogleToken(asked.iap_client)
    return pod_credentials(environment)


def _oidc(asked: Asked, trust: Trust, environment: Mapping[str, str]) -> OidcToken:
    if not asked.oidc_client:
        raise UsageError("--oidc-issuer also needs --oidc-client, the id of the client at that provider.")
    secret, refresh = None, asked.oidc_refresh_file
    if asked.oidc_secret_env:
        secret = VariableToken.read(asked.oidc_secret_env, environment).value
    if refresh is not None:
        FileToken(refresh).token()
    if secret is None and refresh is None:
        raise UsageError("--oidc-issuer also needs --oidc-secret-env or --oidc-refresh-file: nothing to show to it.")
    return OidcToken(
        checked_url(asked.oidc_issuer or ""), asked.oidc_client, secret, refresh, asked.oidc_scope, Web(trust)
    )


def _password(asked: Asked, host: str, environment: Mapping[str, str]) -> Callable[[], str]:
    """Returns what gives the password: an environment variable or a file, read now, or the terminal, asked when it is needed."""
    what = f"the password of '{asked.user}'"
    if asked.password_env and asked.password_file:
        raise UsageError("--password-env and --password-file each name the password. Give one of them.")
    if asked.password_env:
        known = variable(asked.password_env, environment, what)
        return lambda: known
    if asked.password_file:
        kept = text_of(asked.password_file, what)
        return lambda: kept
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(
            "--user also needs --password-env or --password-file: there is no terminal to ask for a password."
        )
    return lambda: getpass.getpass(f"Password of {asked.user} at {host}: ", stream=sys.stderr)
