"""A proxy of HTTP between us and Kubeflow: every request goes through it, and one that refuses is told in a sentence."""

from __future__ import annotations

import base64
import contextlib
import http.client
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from .answering import Answering
from .gate import Gate, guarding
from .server import Backend, serving

TO = ("-p", "to=models")


class Proxy(Answering):
    """Passes requests on, and opens tunnels, always to the same port of this machine, whatever the host is called."""

    protocol_version = "HTTP/1.1"
    port: int
    user: str | None
    refuses: int
    seen: list[str]

    def _serve(self) -> None:
        self.seen.append(f"{self.command} {self.path}")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        known = f"Basic {base64.b64encode((self.user or '').encode()).decode()}"
        if self.user is not None and self.headers.get("Proxy-Authorization") != known:
            self._send(407, b"", {"Proxy-Authenticate": "Basic"})
        elif self.refuses:
            self._send(self.refuses, b"not from here", {})
        elif self.command == "CONNECT":
            self._tunnel()
        else:
            self._forward(body)

    do_GET = do_POST = do_CONNECT = _serve  # noqa: N815 - names of http.server

    def _forward(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        onward = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        headers = {name: value for name, value in self.headers.items() if not name.lower().startswith("proxy-")}
        onward.request(self.command, path, body or None, headers)
        answer = onward.getresponse()
        names = ("content-type", "location", "set-cookie")
        self._send(
            answer.status, answer.read(), {name: value for name, value in answer.getheaders() if name.lower() in names}
        )
        onward.close()

    def _tunnel(self) -> None:
        self.close_connection = True
        with socket.create_connection(("127.0.0.1", self.port)) as onward:
            self.send_response(200)
            self.end_headers()
            others = {self.connection: onward, onward: self.connection}
            while True:
                ready, _, _ = select.select(list(others), [], [], 60)
                for each in ready:
                    try:
                        found = each.recv(65536)
                    except OSError:
                        return
                    if not found:
                        return
                    others[each].sendall(found)


@contextlib.contextmanager
def proxy(port: int, user: str | None = None, refuses: int = 0) -> Iterator[ThreadingHTTPServer]:
    settings = {"port": port, "user": user, "refuses": refuses, "seen": []}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OneProxy", (Proxy,), settings))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def port_of(url: str) -> int:
    return urlsplit(url).port or 0


def url_of(server: ThreadingHTTPServer, user: str = "") -> str:
    return f"http://{user}127.0.0.1:{server.server_address[1]}"


def test_every_request_goes_through_the_proxy_of_the_environment(command, backend, ir, monkeypatch):
    with proxy(port_of(backend.url)) as between:
        monkeypatch.setenv("http_proxy", url_of(between))
        ran = command("submit", ir, *TO, "--host", "http://kubeflow.invalid/")
        assert ran.code == 0, ran.err
        assert len(between.RequestHandlerClass.seen) == len(backend.seen)
    assert len(backend.runs) == 1


def test_with_tls_it_opens_a_tunnel(command, ir, monkeypatch, certificates: tuple[Path, Path]):
    certificate, key = certificates
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with (
        serving(Backend(), lambda plain: context.wrap_socket(plain, server_side=True)) as backend,
        proxy(port_of(backend.url), user="ada:s3cr3t") as between,
    ):
        monkeypatch.setenv("HTTPS_PROXY", url_of(between, "ada:s3cr3t@"))
        ran = command("submit", ir, *TO, "--host", "https://localhost", "--ca", certificate)
        assert ran.code == 0, ran.err
        assert set(between.RequestHandlerClass.seen) == {"CONNECT localhost:443"}
        assert len(backend.runs) == 1


def test_what_no_proxy_names_is_asked_without(command, backend, ir, monkeypatch):
    with proxy(port_of(backend.url), refuses=403) as between:
        monkeypatch.setenv("HTTP_PROXY", url_of(between))
        monkeypatch.setenv("NO_PROXY", "example.com,127.0.0.0/8")
        assert command("submit", ir, *TO).code == 0
        assert between.RequestHandlerClass.seen == []


def test_a_login_goes_through_it_too(command, backend, ir, monkeypatch):
    backend.tokens = {"inside": {"ada"}}
    monkeypatch.setenv("KF_PASSWORD", "s3cr3t-w0rd")
    with guarding(Gate("oauth2-proxy", backend.url)) as gate, proxy(port_of(gate.url)) as between:
        monkeypatch.setenv("HTTP_PROXY", url_of(between))
        who = ("--user", "ada@example.com", "--password-env", "KF_PASSWORD", "--namespace", "ada")
        ran = command("submit", ir, *TO, *who, "--host", "http://kubeflow.invalid")
        assert ran.code == 0, ran.err
        assert gate.logins == 1
        assert len(between.RequestHandlerClass.seen) == len(gate.seen)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("user", "refuses", "message"),
    [
        ("ada:s3cr3t", 0, "refuses to let this through (407"),
        (None, 403, "refuses to let this through (403"),
    ],
)
def test_a_proxy_that_refuses_is_told(
    command, backend, ir, monkeypatch, scheme: str, user: str | None, refuses: int, message: str
):
    with proxy(port_of(backend.url), user, refuses) as between:
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", url_of(between, "bob:wr0ng@"))
        ran = command("submit", ir, *TO, "--host", f"{scheme}://kubeflow.invalid")
        assert ran.code == 3
        told = f"{scheme}://kubeflow.invalid: the proxy {url_of(between)} (${scheme.upper()}_PROXY) {message}"
        assert ran.err.startswith(told), ran.err
        assert ("as http://USER:PASSWORD@HOST" in ran.err) == (user is not None)
        assert "wr0ng" not in ran.err
        assert len(between.RequestHandlerClass.seen) == 1
    assert backend.seen == []


@pytest.mark.parametrize("who", [(), ("--user", "ada", "--password-env", "KF_PASSWORD")])
def test_a_proxy_that_is_not_there_is_told(command, ir, monkeypatch, who: tuple[str, ...]):
    monkeypatch.setattr("stellwerk.pipelines.kubeflow.submission.client.FIRST_PATIENCE", 0.3)
    monkeypatch.setenv("KF_PASSWORD", "s3cr3t-w0rd")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{free.getsockname()[1]}")
        ran = command("submit", ir, *TO, *who, "--host", "https://kubeflow.invalid")
        where = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert ran.code == 3
    assert f"the proxy {where} ($HTTPS_PROXY) cannot be reached: Connection refused. Tried for " in ran.err


def test_a_proxy_of_another_kind_is_told(command, ir, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5://ada:s3cr3t@proxy.example:1080")
    ran = command("submit", ir, *TO, "--host", "https://kubeflow.invalid")
    assert ran.code == 2
    assert "$ALL_PROXY is socks5://proxy.example, and only a proxy of HTTP can be used" in ran.err
    assert "s3cr3t" not in ran.err
