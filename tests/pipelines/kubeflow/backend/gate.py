"""The gate of a Kubeflow in front of its backend, and the login of Dex: redirects, forms, states and cookies as the real ones have them.

`authservice`: OIDC-AuthService of older installations, which sends every request without a session to Dex.
`oauth2-proxy`: that of newer ones, which first shows a page of its own, with 403.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from .answering import Answering

SIGN_IN = (
    '<form method="GET" action="/oauth2/start"><input type="hidden" name="rd" value="/"><button>Sign in</button></form>'
)
CONNECTORS = '<a href="/dex/auth/ldap?{0}">LDAP</a> <a href="/dex/auth/local?{0}">Email</a>'
LOGIN = """<form method="post" action="{action}"><input name="login" type="text"/>{wrong}
<input name="password" type="password"/><button type="submit">Login</button></form>"""
APPROVAL = """<form method="post"><input type="hidden" name="req" value="{req}"/><input type="hidden" name="approval"
value="approve"/></form><form method="post"><input type="hidden" name="req" value="{req}"/><input type="hidden"
name="approval" value="rejected"/></form>"""
COOKIES = {"authservice": "authservice_session", "oauth2-proxy": "oauth2_proxy_kubeflow"}
CALLBACKS = {"authservice": "/login/oidc", "oauth2-proxy": "/oauth2/callback"}

STRAIGHT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Asks what lies behind, through no proxy."""


@dataclass
class Gate:
    """One gate, and the Dex behind it. The passwords are those of the connector `local`."""

    kind: str
    backend: str
    """URL of what lies behind."""
    token: str = "inside"
    """What the gate shows to the backend for everybody who has a session."""
    passwords: dict[str, str] = field(default_factory=lambda: {"ada@example.com": "s3cr3t-w0rd"})
    connectors: int = 1
    asks_approval: bool = False
    wrong_status: int = 401
    """What Dex answers to a wrong password: older releases 200."""
    url: str = ""
    sessions: set[str] = field(default_factory=set)
    states: dict[str, str] = field(default_factory=dict)
    """Where a login that goes on leads, by its state; one is good for one login."""
    logins: int = 0
    seen: list[str] = field(default_factory=list)
    """Method and path of every request."""
    forwards: str | None = None
    """Where a login that was sent is sent on to, with what is in it."""
    busy: int = 0
    """How many of the next requests to Dex are answered with 503."""
    is_open: bool = False
    """Whether it lets everybody through."""
    ends_before: str | None = None
    """Method of the request before which all sessions end."""


class Handler(Answering):
    protocol_version = "HTTP/1.1"
    gate: Gate

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        self.query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.gate.seen.append(f"{self.command} {parts.path}")
        if parts.path.startswith("/dex/"):
            self._dex(parts.path)
        elif parts.path == "/oauth2/start" and self.gate.kind == "oauth2-proxy":
            self._to_dex(self.query.get("rd", "/"))
        elif parts.path == CALLBACKS[self.gate.kind]:
            self._called_back()
        else:
            self._pass_on(parts.path)

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - names of http.server

    def _pass_on(self, path: str) -> None:
        if self.gate.ends_before == self.command:
            self.gate.ends_before = None
            self.gate.sessions.clear()
        cookie = SimpleCookie(self.headers.get("Cookie", "")).get(COOKIES[self.gate.kind])
        if not self.gate.is_open and (cookie is None or cookie.value not in self.gate.sessions):
            if self.gate.kind == "oauth2-proxy":
                self._page(403, SIGN_IN)
            else:
                self._to_dex(path)
            return
        if path == "/":
            self._page(200, "the dashboard")
            return
        request = urllib.request.Request(self.gate.backend + self.path, self.body or None, method=self.command)
        request.add_header("Authorization", f"Bearer {self.gate.token}")
        request.add_header("Content-Type", "application/json")
        try:
            with STRAIGHT.open(request, timeout=60) as answer:
                self._send(answer.status, answer.read(), {"Content-Type": answer.headers["Content-Type"]})
        except urllib.error.HTTPError as error:
            with error:
                self._send(error.code, error.read(), {"Content-Type": error.headers.get("Content-Type", "text/plain")})

    def _to_dex(self, to: str) -> None:
        state = secrets.token_hex(8)
        self.gate.states[state] = to
        query = {
            "client_id": "kubeflow",
            "redirect_uri": CALLBACKS[self.gate.kind],
            "response_type": "code",
            "state": state,
        }
        self._redirect(f"/dex/auth?{urlencode(query)}", {"Set-Cookie": f"csrf={state}; Path=/; HttpOnly"})

    def _dex(self, path: str) -> None:
        state = self.query.get("state", "")
        if self.gate.busy:
            self.gate.busy -= 1
            self._page(503, "no healthy upstream")
        elif path == "/dex/auth":
            if self.gate.connectors > 1:
                self._page(200, CONNECTORS.format(urlencode(self.query)))
            else:
                self._redirect(f"/dex/auth/local?{urlencode(self.query)}")
        elif path == "/dex/auth/local":
            self._redirect(f"/dex/auth/local/login?back=&state={state}")
        elif path == "/dex/auth/local/login":
            self._login(state)
        elif path == "/dex/approval":
            form = {name: values[0] for name, values in parse_qs(self.body.decode()).items()}
            if self.command == "GET":
                self._page(200, APPROVAL.format(req=self.query["req"]))
            elif form == {"req": self.query["req"], "approval": "approve"}:
                self._redirect(f"{CALLBACKS[self.gate.kind]}?code=c0de&state={form['req']}")
            else:
                self._page(400, "no")
        else:
            self._page(404, "no such page")

    def _login(self, state: str) -> None:
        action = f"/dex/auth/local/login?back=&amp;state={quote(state)}"
        if self.command == "GET":
            self._page(200, LOGIN.format(action=action, wrong=""))
            return
        if self.gate.forwards is not None:
            self._send(307, b"", {"Location": self.gate.forwards})
            return
        form = {name: values[0] for name, values in parse_qs(self.body.decode()).items()}
        if self.gate.passwords.get(form.get("login", "")) != form.get("password"):
            self._page(self.gate.wrong_status, LOGIN.format(action=action, wrong="<div>Invalid</div>"))
        elif self.gate.asks_approval:
            self._redirect(f"/dex/approval?req={state}&hmac=x")
        else:
            self._redirect(f"{CALLBACKS[self.gate.kind]}?code=c0de&state={state}")

    def _called_back(self) -> None:
        state = self.query.get("state", "")
        csrf = SimpleCookie(self.headers.get("Cookie", "")).get("csrf")
        if state not in self.gate.states or csrf is None or csrf.value != state or self.query.get("code") != "c0de":
            self._page(403, "state does not fit")
            return
        session = secrets.token_hex(8)
        self.gate.sessions.add(session)
        self.gate.logins += 1
        to = self.gate.states.pop(state)
        self._redirect(to, {"Set-Cookie": f"{COOKIES[self.gate.kind]}={session}; Path=/; HttpOnly"})

    def _redirect(self, to: str, headers: dict[str, str] | None = None) -> None:
        self._send(302 if self.command == "GET" else 303, b"", {"Location": to, **(headers or {})})

    def _page(self, status: int, text: str) -> None:
        self._send(
            status,
            f"<!DOCTYPE html><html><body>{text}</body></html>".encode(),
            {"Content-Type": "text/html; charset=utf-8"},
        )


@contextlib.contextmanager
def guarding(gate: Gate, wrap: Callable[[Any], Any] = lambda each: each) -> Iterator[Gate]:
    """Stands before the backend, on a free port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("GateHandler", (Handler,), {"gate": gate}))
    server.daemon_threads = True
    server.socket = wrap(server.socket)
    gate.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield gate
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
