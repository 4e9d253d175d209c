"""What Kubeflow says when it refuses, as one sentence that says what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from stellwerk.errors import ClusterError
from stellwerk.pipelines.kubeflow.submission.connection import Connection
from stellwerk.pipelines.kubeflow.submission.proxies import proxy_of

LONGEST = 600


class Refused(ClusterError):
    """Kubeflow answered, and did not do it; `status` is that of HTTP."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


def refusal(connection: Connection, status: int, body: str | None, headers: Mapping[str, str]) -> Refused:
    """Returns the error of an answer that is neither a success nor worth another try.

    Redirections are not followed: a token is sent to the host that it was given for and to no other.
    """
    host, said, location = connection.host, message_of(body), headers.get("Location", "")
    if 300 <= status < 400 and host.startswith("http:") and location.startswith(f"https:{host[5:]}/"):
        return Refused(status, f"{host}: is at https now (HTTP {status}). Give the URL https:{host[5:]}.")
    if is_not_known(status, headers):
        return Refused(status, _not_known(connection, status, said, f"{location} {body}"))
    proxy = proxy_of(host)
    if proxy is not None and (status == 407 or (status == 403 and said is None and host.startswith("http:"))):
        return Refused(status, proxy.refusal(host, str(status)))
    if status == 403:
        where = f" in namespace '{connection.namespace}'" if connection.namespace else ""
        message = f"{host}: may not do this{where}: {said or 'HTTP 403'}."
        return Refused(
            status, f"{message} Name a namespace of yours with --namespace, or ask for the role in this one."
        )
    if status == 404 and said is None:
        message = f"{host}: answers, and has no Kubeflow Pipelines (HTTP 404)."
        return Refused(status, f"{message} Behind a Kubeflow dashboard the URL usually ends in /pipeline.")
    message = f"{host}: refused (HTTP {status}): {said or 'no reason given'}."
    if "namespace" in message and connection.namespace is None:
        message += " This Kubeflow has several users: name your namespace with --namespace, or as cluster.namespace."
    if "task final status" in message:
        message += " Compile the spec again: pipelines ask for that no more."
    return Refused(status, message)


def is_not_known(status: int, headers: Mapping[str, str]) -> bool:
    """Says whether an answer asks who asks: with 401, by leading to a login, or with the page of a gate in place of one."""
    page = "text/html" in headers.get("Content-Type", "")
    return status == 401 or 300 <= status < 400 or (status == 403 and page)


def _not_known(connection: Connection, status: int, said: str | None, gate: str) -> str:
    credentials = connection.credentials
    if credentials is None:
        message = f"{connection.host}: wants to know who asks (HTTP {status}), and no token was given."
        return f"{message} Give one with --token-file, --token-env or --oidc-issuer{_gate(gate)}."
    expiry = credentials.expiry()
    why = f"HTTP {status}{f': {said}' if said else ''}"
    if expiry is not None and expired_text(expiry):
        return f"{connection.host}: {credentials.where} {expired_text(expiry)} ({why}). Get a new one and run again."
    return f"{connection.host}: does not accept {credentials.where} ({why}). Check that it is for this Kubeflow, or get a new one."


def _gate(gate: str) -> str:
    """Returns what else fits the gate that answered: by where it leads, or by its page."""
    if "accounts.google.com" in gate:
        return "; this is Google's Identity-Aware Proxy: --iap-client ID"
    if re.search(r"/dex/|/oauth2/", gate):
        return "; this is a login page: --user NAME"
    return ", or log in with --user, or --iap-client"


def expired_text(expiry: Any) -> str:
    """Returns `expired at ...`, or an empty string for a moment to come."""
    from datetime import UTC, datetime  # noqa: PLC0415

    return f"expired at {expiry:%Y-%m-%d %H:%M} UTC" if expiry <= datetime.now(UTC) else ""


def message_of(body: str | None) -> str | None:
    """Returns what an error of Kubeflow says to its user, or None when the body is none of its errors.

    Kubeflow sends `{code, message, details: [{message}]}`: the first message is the chain of what failed inside, those of the
    details are meant for the user.
    """
    try:
        answer = json.loads(body or "")
    except ValueError:
        return None
    if not isinstance(answer, dict):
        return None
    details = [each.get("message") for each in answer.get("details") or [] if isinstance(each, dict)]
    texts = [*details, answer.get("message"), answer.get("error"), answer.get("error_message")]
    found = next((text for text in texts if isinstance(text, str) and text), None)
    if found in ("Internal Server Error", "Service unavailable"):  # the chain says more
        found = str(answer.get("message") or found)
    return _short(found) if found else None


def _short(text: str) -> str:
    text = " ".join(re.sub(r"\s*\(request: .*", "", text, flags=re.DOTALL).split()).rstrip(".")
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"
