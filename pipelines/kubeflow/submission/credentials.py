"""Who asks: a token from a file, from an environment variable, of a pod's service account, or from an OpenID provider.

Tokens are read when they are needed, sent to the host and to nobody else, and never logged or repeated in an error.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

from stellwerk.errors import ClusterError, UsageError

POD_TOKEN = "/var/run/secrets/kubeflow/pipelines/token"  # noqa: S105 - a path
"""Where Kubeflow projects the token of a pod's service account, unless `KF_PIPELINES_SA_TOKEN_PATH` says otherwise."""

_FORM = "application/x-www-form-urlencoded"
WELL_KNOWN = "/.well-known/openid-configuration"


class Credentials(Protocol):
    """Gives the bearer token of a request."""

    @property
    def where(self) -> str:
        """What the token is, in words, for errors: `the token in /run/token`."""

    def token(self) -> str:
        """Returns the token to send now."""

    def renew(self) -> bool:
        """Says whether there is another token than the one that was just refused."""


@dataclass
class VariableToken:
    """A token in an environment variable, which is known by its name."""

    name: str
    value: str = field(repr=False)

    @property
    def where(self) -> str:  # noqa: D102 - as Credentials says
        return f"the token in ${self.name}"

    def token(self) -> str:  # noqa: D102
        return self.value

    def renew(self) -> bool:  # noqa: D102
        return False

    @classmethod
    def read(cls, name: str, environment: Mapping[str, str]) -> VariableToken:
        """Takes the token from the environment. Raises UsageError when it is not there."""
        value = environment.get(name, "").strip()
        if not value:
            raise UsageError(f"${name} should hold the token for Kubeflow, and is not set. Set it and export it.")
        return cls(name, value)


@dataclass
class FileToken:
    """A token in a file, read for every request: the kubelet, or somebody else, renews it."""

    path: Path
    last: str = field(default="", repr=False)

    @property
    def where(self) -> str:  # noqa: D102
        return f"the token in {self.path}"

    def token(self) -> str:  # noqa: D102
        try:
            self.last = self.path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise UsageError(f"{self.path}: the token for Kubeflow cannot be read: {reason}.") from None
        if not self.last:
            raise UsageError(f"{self.path}: should hold the token for Kubeflow, and is empty.")
        return self.last

    def renew(self) -> bool:  # noqa: D102
        refused = self.last
        return self.token() != refused


@dataclass
class OidcToken:
    """A token that an OpenID provider issues, for a refresh token or for the client's own secret, and again once it expires."""

    issuer: str
    client: str
    secret: str | None = field(default=None, repr=False)
    refresh: Path | None = None
    """File with a refresh token; the one that the provider issues in its place is written there."""
    scope: str = "openid"
    ca: Path | None = None
    current: str = field(default="", repr=False)

    @property
    def where(self) -> str:  # noqa: D102
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
        import urllib3  # noqa: PLC0415

        pool = urllib3.PoolManager(ca_certs=str(self.ca) if self.ca else _certificates(), timeout=30.0)
        try:
            sent: dict[str, Any] = {"body": urlencode(form), "headers": {"Content-Type": _FORM}} if form else {}
            answer = pool.request(method, url, **sent)
            body = json.loads(answer.data)
        except urllib3.exceptions.HTTPError as error:
            reason = getattr(error, "reason", None) or error
            raise ClusterError(f"{url}: the OpenID provider cannot be reached: {reason}.") from None
        except ValueError:
            raise ClusterError(f"{url}: answered {answer.status} without JSON: it is no OpenID provider.") from None
        if answer.status != 200 or not isinstance(body, dict):
            said = body.get("error_description") or body.get("error") if isinstance(body, dict) else None
            message = f"{url}: refused client '{self.client}' (HTTP {answer.status}: {said or 'no reason given'})."
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


def pod_credentials(environment: Mapping[str, str]) -> FileToken | None:
    """Returns the token of the service account where this process is in a pod that has one for Kubeflow."""
    path = Path(environment.get("KF_PIPELINES_SA_TOKEN_PATH") or POD_TOKEN)
    return FileToken(path) if path.exists() else None


def expired(token: str) -> bool:
    """Says whether a JSON web token says of itself that it has expired, or is about to; other tokens never do."""
    expiry = expiry_of(token)
    return expiry is not None and (expiry - datetime.now(UTC)).total_seconds() < 30


def expiry_of(token: str) -> datetime | None:
    """Returns when a JSON web token expires, as it says itself, or None for one that does not say."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return datetime.fromtimestamp(claims["exp"], UTC)
    except (binascii.Error, ValueError, KeyError, TypeError, OverflowError, OSError):
        return None


def _certificates() -> str:
    import certifi  # noqa: PLC0415

    return os.environ.get("SSL_CERT_FILE") or certifi.where()
