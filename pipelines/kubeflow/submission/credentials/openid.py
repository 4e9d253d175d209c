"""A token that an OpenID provider issues, for a refresh token or for the client's own secret, and again once it expires."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stellwerk.errors import ClusterError, UsageError
from stellwerk.pipelines.kubeflow.submission.credentials import Bearer, expired
from stellwerk.pipelines.kubeflow.submission.credentials.tokens import FileToken
from stellwerk.pipelines.kubeflow.submission.web import Web

WELL_KNOWN = "/.well-known/openid-configuration"


@dataclass
class OidcToken(Bearer):
    """The token of one client at one provider."""

    issuer: str
    client: str
    secret: str | None = field(default=None, repr=False)
    refresh: Path | None = None
    """File with a refresh token; the one that the provider issues in its place is written there."""
    scope: str = "openid"
    web: Web = field(default_factory=Web, repr=False)
    current: str = field(default="", repr=False)

    @property
    def where(self) -> str:  # noqa: D102 - as Credentials says
        return f"the token of client '{self.client}' from {self.issuer}"

    def token(self) -> str:  # noqa: D102
        if not self.current or expired(self.current):
            self.current = self._issued()
        return self.current

    def renew(self) -> bool:  # noqa: D102
        refused, self.current = self.current, ""
        return self.token() != refused

    def _issued(self) -> str:
        issuer = self.issuer.rstrip("/")
        endpoint = self._asked("GET", issuer + WELL_KNOWN, None).get("token_endpoint")
        if not isinstance(endpoint, str):
            raise ClusterError(f"{issuer}: is no OpenID provider: {WELL_KNOWN} names no token_endpoint.")
        form = {"client_id": self.client, "scope": self.scope}
        form |= {"client_secret": self.secret} if self.secret else {}
        known = FileToken(self.refresh).token() if self.refresh else None
        if known:
            form |= {"grant_type": "refresh_token", "refresh_token": known}
        else:
            form |= {"grant_type": "client_credentials"}
        answer = self._asked("POST", endpoint, form)
        follower = answer.get("refresh_token")
        if self.refresh and isinstance(follower, str) and follower != known:
            _keep(self.refresh, follower)
        token = answer.get("id_token") or answer.get("access_token")
        if not isinstance(token, str):
            raise ClusterError(f"{issuer}: answered, and issued no token for client '{self.client}'.")
        return token

    def _asked(self, method: str, url: str, form: Mapping[str, str] | None) -> dict[str, Any]:
        answer = self.web.ask(method, url, form)
        try:
            body = answer.json()
        except ValueError:
            raise ClusterError(
                f"{url}: answered {answer.status_code} without JSON: it is no OpenID provider."
            ) from None
        if answer.status_code != 200 or not isinstance(body, dict):
            said = body.get("error_description") or body.get("error") if isinstance(body, dict) else None
            why = f"HTTP {answer.status_code}: {said or 'no reason given'}"
            message = f"{url}: refused client '{self.client}' ({why})."
            raise ClusterError(f"{message} Check the client's id and secret, or log in for a new refresh token.")
        return body


def _keep(path: Path, token: str) -> None:
    """Writes a refresh token in place of the one before, which many providers take once only. Nobody else may read it."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(f"{token}\n")
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        message = f"{path}: the provider has issued a new refresh token, and it cannot be written: {error.strerror}."
        raise UsageError(f"{message} Give a file that may be written, and log in again.") from None
