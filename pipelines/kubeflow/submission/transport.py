"""How the generated client is connected: certificates, the proxy, one try for each request, and what its errors mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import kfp_server_api
import urllib3

from stellwerk.errors import ClusterError, StellwerkError
from stellwerk.pipelines.kubeflow.submission.connection import Connection
from stellwerk.pipelines.kubeflow.submission.proxies import proxy_of, tunnel_refused
from stellwerk.pipelines.kubeflow.submission.trust import untrusted
from stellwerk.pipelines.kubeflow.submission.web import said

BUSY = (429, 502, 503, 504)


@dataclass
class Trouble(Exception):
    """A request failed in a way that may pass; `untouched` when Kubeflow surely did not see it."""

    sentence: str
    untouched: bool
    pause: float = 0.0


def generated(connection: Connection) -> Any:
    """Returns the generated client. Raises UsageError for a proxy that is none of HTTP, and for files that hold no certificates."""
    client = kfp_server_api.ApiClient(kfp_server_api.Configuration(host=connection.host))
    client.rest_client.pool_manager = _pools(
        connection
    )  # its own takes files of certificates, and not how they are checked
    return client


def _pools(connection: Connection) -> urllib3.PoolManager:
    """Returns the connections: through the proxy where there is one, and with one try, as repeating is decided by the client."""
    tls, once = connection.trust.context(), urllib3.Retry(0, redirect=0, raise_on_redirect=False)
    proxy = proxy_of(connection.host)
    if proxy is None:
        return urllib3.PoolManager(ssl_context=tls, retries=once)
    return urllib3.ProxyManager(
        proxy.url, proxy_headers=proxy.headers, proxy_ssl_context=tls, ssl_context=tls, retries=once
    )


def trouble(connection: Connection, error: BaseException) -> StellwerkError | Trouble:
    """Returns what an error of the network means: what may pass is Trouble, all else is told at once."""
    host, proxy = connection.host, proxy_of(connection.host)
    reason: BaseException = getattr(error, "reason", None) or error
    refused = tunnel_refused(reason)
    if proxy is not None and refused is not None:
        if refused.startswith(tuple(map(str, BUSY))):
            return Trouble(f"{host}: the proxy {proxy.url} cannot reach it ({refused.strip()})", untouched=True)
        return ClusterError(proxy.refusal(host, refused))
    if proxy is not None and isinstance(reason, urllib3.exceptions.ProxyError):
        return Trouble(proxy.away(said(reason)), untouched=True)
    if isinstance(reason, urllib3.exceptions.SSLError):
        return ClusterError(untrusted(host, reason, said(reason)))
    if isinstance(reason, urllib3.exceptions.ReadTimeoutError):
        return Trouble(f"{host}: did not answer within {connection.timeout:g} s", untouched=False)
    untouched = isinstance(reason, (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError))
    return Trouble(f"{host}: cannot be reached: {said(reason)}", untouched)
