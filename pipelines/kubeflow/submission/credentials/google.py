"""Google's Identity-Aware Proxy: an id token for the proxy's client, from the credentials that Google's libraries find."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stellwerk.errors import ClusterError, UsageError
from stellwerk.pipelines.kubeflow.submission.credentials import Away, Bearer

HOW = (
    "Name the key of a service account, or what `gcloud auth application-default login --impersonate-service-account=ACCOUNT` "
    "has written, in $GOOGLE_APPLICATION_CREDENTIALS, or run where Google Cloud gives a service account."
)


@dataclass
class GoogleToken(Bearer):
    """The id token of a service account for the client of an Identity-Aware Proxy; asked for anew before it expires."""

    client: str
    """Id of the proxy's OAuth client: the audience of the token."""
    _credentials: Any = field(default=None, repr=False)

    @property
    def where(self) -> str:  # noqa: D102 - as Credentials says
        return f"Google's id token for client '{self.client}'"

    def token(self) -> str:  # noqa: D102
        if self._credentials is None or not self._credentials.valid:
            self._fetch()
        return str(self._credentials.token)

    def renew(self) -> bool:  # noqa: D102
        refused = self.token()
        self._fetch()
        return str(self._credentials.token) != refused

    def _fetch(self) -> None:
        from google.auth import exceptions  # noqa: PLC0415 - slow, and only for those who need it
        from google.auth.transport.requests import Request  # noqa: PLC0415
        from google.oauth2 import id_token  # noqa: PLC0415

        request = Request()
        try:
            if self._credentials is None:
                self._credentials = id_token.fetch_id_token_credentials(self.client, request=request)
            self._credentials.refresh(request)
        except exceptions.DefaultCredentialsError as error:
            raise UsageError(f"--iap-client needs credentials of Google: {_first(error)}. {HOW}") from None
        except exceptions.TransportError as error:
            raise Away(f"Google's token service cannot be reached: {_first(error)}") from None
        except exceptions.GoogleAuthError as error:
            if getattr(error, "retryable", False):
                raise Away(f"Google's token service is busy: {_first(error)}") from None
            message = f"Google issues no id token for client '{self.client}': {_first(error)}."
            raise ClusterError(
                f"{message} Check the id of the client, and that the account may ask for id tokens."
            ) from None


def _first(error: Exception) -> str:
    return str(error.args[0] if error.args else error).partition("\n")[0].rstrip(".")
