"""How those are asked who give credentials out: login pages, OpenID providers. Kubeflow's own API has its client.

What is sent and answered is never logged.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

from stellwerk.errors import ClusterError, UsageError
from stellwerk.pipelines.kubeflow.submission.credentials import Away
from stellwerk.pipelines.kubeflow.submission.proxies import proxy_of, tunnel_refused
from stellwerk.pipelines.kubeflow.submission.trust import Trust, untrusted

TIMEOUT = 30.0
MOST_REDIRECTS = 20
BUSY = (429, 500, 502, 503, 504)


class Web:
    """A session of HTTP with its cookies. It goes through the proxy that the environment names."""

    def __init__(self, trust: Trust | None = None) -> None:
        self._trust = trust or Trust()
        self._session: Any = None

    def ask(self, method: str, url: str, form: Mapping[str, str] | None = None) -> Any:
        """Returns an answer, a `requests.Response`, after all redirections; a form is sent to the URL itself only.

        Raises Away where there is none, or somebody is busy, and ClusterError for a certificate or a proxy that refuses.
        """
        from requests import exceptions  # noqa: PLC0415 - where nobody has to be asked it need not be loaded

        try:
            answer = self._opened().request(
                method,
                url,
                data=form,
                timeout=TIMEOUT,
                verify=self._trust.authorities,
                cert=self._trust.pair,
                allow_redirects=method == "GET",
            )
        except exceptions.TooManyRedirects:
            raise ClusterError(f"{plain(url)}: leads from page to page and to no end.") from None
        except exceptions.SSLError as error:
            raise ClusterError(untrusted(plain(url), error, said(error))) from None
        except exceptions.RequestException as error:
            raise self._trouble(url, error) from None
        if answer.status_code in BUSY:
            raise Away(f"{plain(answer.url)}: is busy or down (HTTP {answer.status_code})")
        return self._onward(answer) if method != "GET" and answer.is_redirect else answer

    def _onward(self, answer: Any) -> Any:
        """Goes where a form leads; a form that was sent goes to nobody else."""
        if answer.status_code in (307, 308):
            raise ClusterError(f"{plain(answer.url)}: sends a form on to somebody else, who does not get it.")
        return self.ask("GET", urljoin(answer.url, answer.headers["Location"]))

    def cookies_for(self, url: str) -> str:
        """Returns the `Cookie` header of a request to a URL; an empty string where no cookie is for it."""
        import requests  # noqa: PLC0415

        request = requests.Request("GET", url).prepare()
        return requests.cookies.get_cookie_header(self._opened().cookies, request) or ""

    def forget(self) -> None:
        """Begins a new session, without cookies."""
        self._session = None

    def _opened(self) -> Any:
        if self._session is None:
            import requests  # noqa: PLC0415

            self._session = requests.Session()
            self._session.max_redirects = MOST_REDIRECTS
            self._session.auth = lambda request: request  # a password of ~/.netrc is for nobody here
            self._session.mount("https://", _adapter(self._trust.context()))
        return self._session

    def _trouble(self, url: str, error: Exception) -> ClusterError:
        asked = getattr(getattr(error, "request", None), "url", None) or url
        proxy, text = proxy_of(asked), said(error)
        refused = tunnel_refused(error)
        if proxy is not None and refused is not None:
            return ClusterError(proxy.refusal(plain(asked), refused))
        if proxy is not None and "proxy" in str(error).lower():
            return Away(proxy.away(text))
        return Away(f"{plain(asked)}: cannot be reached: {text}")


def _adapter(tls: ssl.SSLContext) -> Any:
    """Returns what makes the connections of a session, with or without a proxy, so that they speak TLS as is asked."""
    from requests.adapters import HTTPAdapter  # noqa: PLC0415

    class Adapter(HTTPAdapter):  # type: ignore[misc] # requests says nothing of its types
        def init_poolmanager(self, *arguments: Any, **options: Any) -> Any:
            return super().init_poolmanager(*arguments, ssl_context=tls, **options)

        def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
            return super().proxy_manager_for(proxy, ssl_context=tls, proxy_ssl_context=tls, **options)

    return Adapter()


def checked_url(host: str) -> str:
    """Returns a URL without a `/` at its end, of https where it says nothing. Raises UsageError for what is none."""
    if not re.match(r"[a-z]+://", host):
        host = f"https://{host}"
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", host):
        message = "is no URL of Kubeflow Pipelines, such as https://kubeflow.example/pipeline"
        shown = "The host" if "@" in host else f"'{host}'"
        raise UsageError(f"{shown} {message}. Leave users, passwords, '?' and '#' out of it.")
    return host.rstrip("/")


def plain(url: str) -> str:
    """Returns a URL without its query, in which states and codes of a login are."""
    return url.partition("?")[0]


def said(error: BaseException) -> str:
    """Returns the innermost reason of an error of the network, without the address of a Python object."""
    while True:
        inner: Any = getattr(error, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next((each for each in error.args if isinstance(each, BaseException)), None)
        inner = inner or error.__cause__ or error.__context__
        if not isinstance(inner, BaseException):
            break
        error = inner
    return str(getattr(error, "strerror", None) or error).rpartition(">: ")[2].rpartition("): ")[2].rstrip(".")
