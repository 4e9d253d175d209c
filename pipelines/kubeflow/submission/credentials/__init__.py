"""Who asks Kubeflow, a module for each way to say it: tokens, OpenID providers, logins with a password, Google's proxy.

Passwords and tokens are named, never written down; they go to whom they are meant for, and to no log and no error.
"""

from __future__ import annotations

import abc
import base64
import binascii
import json
from datetime import UTC, datetime
from typing import Protocol

from stellwerk.errors import ClusterError


class Away(ClusterError):
    """Who gives credentials out is busy or cannot be reached. Kubeflow has not been asked: it may be tried again."""


class Credentials(Protocol):
    """What a request shows to say who asks."""

    @property
    def where(self) -> str:
        """What is shown, in words, for errors: `the token in /run/token`."""

    def headers(self) -> dict[str, str]:
        """Returns the headers to send now. Raises Away where they cannot be had in this moment."""

    def renew(self) -> bool:
        """Says whether there is something else to show than what was just refused."""

    def expiry(self) -> datetime | None:
        """Returns when what is shown expires, as far as it says so."""


class Bearer(abc.ABC):
    """Credentials that are a bearer token."""

    @abc.abstractmethod
    def token(self) -> str:
        """Returns the token to send now."""

    def headers(self) -> dict[str, str]:
        """Returns the header that has the token."""
        return {"Authorization": f"Bearer {self.token()}"}

    def expiry(self) -> datetime | None:
        """Returns when the token expires, where it is a JSON web token."""
        return expiry_of(self.token())


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
