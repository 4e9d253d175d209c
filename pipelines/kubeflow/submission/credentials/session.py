"""A login with user and password, as a browser does it: the pages of Dex, and the gate of Kubeflow that sends there.

Both gates that Kubeflow has had end in a cookie: OIDC-AuthService (`authservice_session`) sends every request to Dex at once;
oauth2-proxy (`oauth2_proxy_kubeflow`) may first show a page of its own, with 403. Dex then asks by which connector, unless there
is but one, for user and password, and in older releases for an approval.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from stellwerk.errors import ClusterError
from stellwerk.pipelines.kubeflow.submission.web import Web, plain


@dataclass
class Session:
    """The session of a user; it is opened by the first request, and anew when it has expired."""

    host: str
    user: str
    password: Callable[[], str] = field(repr=False)
    """Gives the password; asked once."""
    connector: str = "local"
    """By which connector of Dex the user is known."""
    web: Web = field(default_factory=Web, repr=False)
    _secret: str | None = field(default=None, repr=False)
    _cookies: str | None = field(default=None, repr=False)

    @property
    def where(self) -> str:  # noqa: D102 - as Credentials says
        return f"the session of user '{self.user}'"

    def headers(self) -> dict[str, str]:  # noqa: D102
        if self._cookies is None:
            self._cookies = self._opened()
        return {"Cookie": self._cookies} if self._cookies else {}

    def renew(self) -> bool:  # noqa: D102
        self._cookies = self._opened()
        return bool(self._cookies)

    def expiry(self) -> datetime | None:  # noqa: D102 - a cookie says nothing
        return None

    def _opened(self) -> str:
        """Logs in and returns the cookies; an empty string where Kubeflow asks nobody who they are."""
        self.web.forget()
        start = f"{self.host}/"
        page = self._login_page(start)
        if page is None:
            return ""
        if self._secret is None:
            self._secret = self.password()
        page = self._approved(self._sent(page, {"login": self.user, "password": self._secret}))
        if page.status_code >= 400 and plain(page.url) != start:  # not what lies behind the login: the way back from it
            raise ClusterError(
                f"{plain(page.url)}: user '{self.user}' is logged in, and refused (HTTP {page.status_code})."
            )
        if urlsplit(page.url).scheme != urlsplit(start).scheme:
            raise ClusterError(f"{self.host}: is at https now. Give the URL https{self.host.removeprefix('http')}.")
        cookies = self.web.cookies_for(start)
        if not cookies:
            raise ClusterError(f"{self.host}: user '{self.user}' is logged in, and was given no session for this URL.")
        return cookies

    def _login_page(self, start: str) -> Any:
        """Returns the page that asks for user and password, or None where nobody asks."""
        page = self.web.ask("GET", start)
        if page.status_code in (401, 403) and not _password_form(page):  # oauth2-proxy's own page
            parts = urlsplit(page.url)
            begin = parts._replace(path="/oauth2/start", query=urlencode({"rd": parts.path}), fragment="")
            page = self.web.ask("GET", begin.geturl())
        elif not page.history and not _password_form(page):
            return None
        if not _password_form(page) and re.search(r"/auth/?$", urlsplit(page.url).path):
            parts = urlsplit(page.url)
            chosen = parts._replace(path=f"{parts.path.rstrip('/')}/{self.connector}")
            page = self.web.ask("GET", chosen.geturl())
        if not _password_form(page):
            message = f"{plain(page.url)}: asks for no user and password (HTTP {page.status_code}), so --user cannot log in there."
            raise ClusterError(
                f"{message} Name another connector of Dex with --connector, or show a token: --token-file."
            )
        return page

    def _sent(self, page: Any, fields: dict[str, str]) -> Any:
        """Sends the form of a login page. Raises ClusterError where user or password is wrong."""
        form = _password_form(page)
        where = urljoin(page.url, (form.action if form else "") or page.url)
        if urlsplit(self.host).scheme == "https" and urlsplit(where).scheme != "https":
            raise ClusterError(f"{plain(where)}: wants the password without TLS, and does not get it.")
        answer = self.web.ask("POST", where, {**(form.hidden if form else {}), **fields})
        if answer.status_code == 401 or _password_form(answer):
            message = f"{plain(where)}: user or password is wrong, for '{self.user}'."
            raise ClusterError(f"{message} Check both, and with --connector where the user is known.")
        return answer

    def _approved(self, page: Any) -> Any:
        """Answers Dex' question whether Kubeflow may know the user, where it asks."""
        if not urlsplit(page.url).path.endswith("/approval"):
            return page
        form = next((each for each in _forms(page) if each.hidden.get("approval") == "approve"), None)
        return self.web.ask("POST", page.url, {**(form.hidden if form else {}), "approval": "approve"})


@dataclass
class _Form:
    action: str
    hidden: dict[str, str] = field(default_factory=dict)
    has_password: bool = False


class _Forms(HTMLParser):
    """The forms of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[_Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(_Form(given.get("action", "")))
        elif tag == "input" and self.found:
            kind = given.get("type", "text").lower()
            self.found[-1].has_password |= kind == "password"
            if kind == "hidden" and given.get("name"):
                self.found[-1].hidden[given["name"]] = given.get("value", "")


def _forms(page: Any) -> list[_Form]:
    if "html" not in page.headers.get("Content-Type", ""):
        return []
    parser = _Forms()
    parser.feed(page.text)
    return parser.found


def _password_form(page: Any) -> _Form | None:
    return next((form for form in _forms(page) if form.has_password), None)
