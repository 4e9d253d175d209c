"""The proxy that the environment names: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, and NO_PROXY for what it is not for."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from stellwerk.errors import UsageError

_REFUSED = re.compile(r"Tunnel connection failed: (\d{3}[^')\"]*)")
_NAMES = ("https_proxy", "http_proxy", "all_proxy")


@dataclass(frozen=True)
class Proxy:
    """A proxy of HTTP."""

    url: str
    """Without the user and the password that the environment may have in it."""
    headers: dict[str, str] = field(repr=False)
    """What says to it who asks."""
    variable: str
    """Which variable names it."""

    def refusal(self, host: str, why: str) -> str:
        """Returns what to tell when it does not let a request through; `why` is its status."""
        what = f"{host}: the proxy {self.url} (${self.variable}) refuses to let this through ({why.strip()})."
        if why.startswith("407"):
            return f"{what} It wants to know who asks: name a user and a password in ${self.variable}, as http://USER:PASSWORD@HOST."
        return f"{what} Ask whoever runs it, or name the host in $NO_PROXY where it can be reached without."

    def away(self, why: str) -> str:
        """Returns what to tell when it does not answer."""
        return f"the proxy {self.url} (${self.variable}) cannot be reached: {why}"


def proxy_of(url: str) -> Proxy | None:
    """Returns the proxy through which a URL is to be asked, or None. Raises UsageError for one that is not of HTTP."""
    if not any(os.environ.get(name) or os.environ.get(name.upper()) for name in _NAMES):
        return None
    from requests.utils import get_environ_proxies, select_proxy  # noqa: PLC0415 - knows NO_PROXY as everybody writes it

    found = select_proxy(url, get_environ_proxies(url, no_proxy=None))
    if not found:
        return None
    parts = urlsplit(found if "://" in found else f"http://{found}")
    variable = _variable(urlsplit(url).scheme)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        shown = f"{parts.scheme}://{parts.hostname or ''}"
        raise UsageError(
            f"${variable} is {shown}, and only a proxy of HTTP can be used, such as http://proxy.example:3128."
        )
    return Proxy(
        f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", _headers(parts.username, parts.password), variable
    )


def tunnel_refused(error: BaseException) -> str | None:
    """Returns the status with which a proxy refused to open the way to a host, or None for any other error."""
    found = _REFUSED.search(str(error))
    return found[1] if found else None


def _variable(scheme: str) -> str:
    names = (f"{scheme}_proxy", "all_proxy")
    found = next((each for name in names for each in (name, name.upper()) if os.environ.get(each)), names[0])
    return found.upper()


def _headers(user: str | None, password: str | None) -> dict[str, str]:
    if user is None:
        return {}
    from urllib3.util import make_headers  # noqa: PLC0415

    return dict(make_headers(proxy_basic_auth=f"{unquote(user)}:{unquote(password or '')}"))
