"""Who asks, where, and what comes of it when that is wrong: one clear error each."""

from __future__ import annotations

import base64
import json
import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from .server import Backend, Fault, serving

TO = ("-p", "to=models")


def token(seconds: float, name: str = "ada") -> str:
    """A JSON web token that expires in so many seconds; nobody checks its signature here."""
    claims = json.dumps({"sub": name, "exp": int(time.time() + seconds)}).encode()
    return f"e30.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.c2ln"


@pytest.fixture
def secured(backend: Backend) -> Backend:
    backend.tokens = {"good": {"ada"}}
    return backend


def test_a_token_from_a_file_opens_the_namespace(command, secured, ir, tmp_path):
    (tmp_path / "token").write_text("good\n")
    ran = command("submit", ir, *TO, "--token-file", "token", "--namespace", "ada")
    assert ran.code == 0, ran.err
    (experiment,) = secured.experiments.values()
    assert experiment["namespace"] == "ada"


def test_a_token_from_an_environment_variable_too(command, secured, ir, monkeypatch):
    monkeypatch.setenv("KFP_TOKEN", "good")
    monkeypatch.setenv("STELLWERK_NAMESPACE", "ada")
    assert command("submit", ir, *TO, "--token-env", "KFP_TOKEN").code == 0


def test_the_service_account_of_a_pod_too(command, secured, ir, monkeypatch, tmp_path):
    (tmp_path / "projected").write_text("good")
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(tmp_path / "projected"))
    assert command("submit", ir, *TO, "--namespace", "ada").code == 0


def test_without_a_token_it_says_how_to_give_one(command, secured, ir):
    ran = command("submit", ir, *TO, "--namespace", "ada")
    assert ran.code == 3
    assert "wants to know who asks (HTTP 401), and no token was given. Give one with --token-file" in ran.err


def test_a_wrong_token_is_named_and_never_shown(command, secured, ir, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("KFP_TOKEN", "s3cr3t-w0rd")
    ran = command("--debug", "submit", ir, *TO, "--token-env", "KFP_TOKEN", "--namespace", "ada")
    assert ran.code == 3
    assert "does not accept the token in $KFP_TOKEN (HTTP 401: Authentication request failed)" in ran.err
    assert "s3cr3t-w0rd" not in ran.out + ran.err + caplog.text


def test_an_expired_token_is_told_with_when_it_expired(command, secured, ir, monkeypatch):
    monkeypatch.setenv("KFP_TOKEN", token(-3600))
    ran = command("submit", ir, *TO, "--token-env", "KFP_TOKEN", "--namespace", "ada")
    assert ran.code == 3
    assert "the token in $KFP_TOKEN expired at 20" in ran.err
    assert "Get a new one and run again." in ran.err


def test_a_token_that_was_renewed_in_its_file_is_taken_at_once(secured, ir, tmp_path, monkeypatch):
    from stellwerk.pipelines.kubeflow.submission import Asked, Kubeflow, Runs, find_connection  # noqa: PLC0415

    (tmp_path / "token").write_text("good")
    asked = Asked(host=secured.url, namespace="ada", token_file=tmp_path / "token")
    runs = Runs(Kubeflow(find_connection(asked)))
    assert runs.list() == []
    secured.tokens = {"newer": {"ada"}}
    (tmp_path / "token").write_text("newer")
    assert runs.list() == []


@pytest.mark.parametrize(
    ("namespace", "message"),
    [
        ("bob", "may not do this in namespace 'bob': User 'ada@example.com' is not authorized with reason:."),
        (None, "name your namespace with --namespace, or as cluster.namespace"),
    ],
)
def test_a_namespace_without_rights_is_told(command, secured, ir, monkeypatch, namespace: str | None, message: str):
    monkeypatch.setenv("KFP_TOKEN", "good")
    ran = command("submit", ir, *TO, "--token-env", "KFP_TOKEN", *(["--namespace", namespace] if namespace else []))
    assert ran.code == 3
    assert message in ran.err
    assert "request:" not in ran.err
    assert secured.runs == {}


def test_a_host_that_nobody_answers_at_is_told(command, ir, monkeypatch):
    monkeypatch.setattr("stellwerk.pipelines.kubeflow.submission.client.FIRST_PATIENCE", 0.3)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"http://127.0.0.1:{free.getsockname()[1]}"
        ran = command("submit", ir, *TO, "--host", host)
    assert ran.code == 3
    assert f"{host}: cannot be reached: Connection refused. Tried for " in ran.err


def test_a_host_that_does_not_exist_is_told(command, ir, monkeypatch):
    monkeypatch.setattr("stellwerk.pipelines.kubeflow.submission.client.FIRST_PATIENCE", 0.3)
    ran = command("submit", ir, *TO, "--host", "http://kubeflow.invalid")
    assert ran.code == 3
    assert "http://kubeflow.invalid: cannot be reached: " in ran.err


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault("GET", "/", status=302, headers={"Location": "/dex/auth"}), "wants to know who asks (HTTP 302)"),
        (Fault("GET", "/", status=200, body=b"<html>", headers={"Content-Type": "text/html"}), "Is this the URL of"),
        (Fault("GET", "/", status=404, body=b"not found"), "usually ends in /pipeline"),
    ],
    ids=["a login page", "a page", "another server"],
)
def test_a_host_that_is_no_kubeflow_pipelines_is_told(command, backend, ir, fault: Fault, message: str):
    backend.faults = [fault]
    ran = command("submit", ir, *TO)
    assert ran.code == 3
    assert message in ran.err
    assert backend.runs == {}


def test_a_kubeflow_that_is_too_old_for_the_pipeline_is_told_with_the_key_to_set(command, backend, ir):
    said = {"code": 13, "message": "compiling DAG: task final status not supported yet", "details": []}
    backend.faults = [Fault("POST", "/runs", status=500, body=json.dumps(said).encode())]
    ran = command("submit", ir, *TO)
    assert ran.code == 3
    assert "Compile the spec again: pipelines ask for that no more." in ran.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--host", "https://ada:secret@kubeflow.example"], "is no URL of Kubeflow Pipelines"),
        (["--host", "https://"], "is no URL of Kubeflow Pipelines"),
        (["--token-file", "none"], "none: the token for Kubeflow cannot be read: No such file or directory."),
        (["--token-env", "NONE"], "$NONE should hold the token for Kubeflow, and is not set."),
        (["--token-env", "A", "--token-file", "b"], "--token-file and --token-env each say who asks."),
        (["--oidc-issuer", "https://issuer.example"], "--oidc-issuer also needs --oidc-client"),
        (
            ["--oidc-issuer", "https://i.example", "--oidc-client", "c"],
            "needs --oidc-secret-env or --oidc-refresh-file",
        ),
        (["--ca", "none.pem"], "none.pem: there is no file of certificates."),
    ],
)
def test_what_is_wrong_with_the_connection_is_told_before_anything_is_sent(
    command, backend, ir, options: list[str], message: str
):
    ran = command("submit", ir, *TO, *options)
    assert ran.code == 2
    assert message in ran.err
    assert "secret" not in ran.err.replace("--oidc-secret-env", "")
    assert backend.seen == []


def test_a_host_that_has_moved_to_https_is_told_and_no_token_follows(command, backend, ir, monkeypatch):
    monkeypatch.setenv("KFP_TOKEN", "good")
    moved = backend.url.replace("http:", "https:")
    backend.faults = [Fault("GET", "/", status=308, headers={"Location": f"{moved}/apis/v2beta1/experiments"})]
    ran = command("submit", ir, *TO, "--token-env", "KFP_TOKEN")
    assert ran.code == 3
    assert f"is at https now (HTTP 308). Give the URL {moved}." in ran.err
    assert len(backend.seen) == 1


def test_without_a_host_it_says_how_to_name_one(command, ir, monkeypatch):
    monkeypatch.delenv("KF_PIPELINES_ENDPOINT")
    ran = command("submit", ir, *TO)
    assert ran.code == 2
    assert "Which Kubeflow? Give its URL with --host" in ran.err


class Issuer(BaseHTTPRequestHandler):
    """An OpenID provider that issues a token for a secret or a refresh token."""

    tokens: list[str]
    asked: list[dict[str, str]]

    def do_GET(self) -> None:
        self.answer(200, {"token_endpoint": f"http://{self.headers['Host']}/token"})

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.asked.append({name: values[0] for name, values in form.items()})
        if self.asked[-1].get("client_secret", "s3cr3t") != "s3cr3t":
            self.answer(401, {"error": "invalid_client", "error_description": "Invalid client credentials"})
        else:
            self.answer(200, {"access_token": self.tokens.pop(0), "token_type": "Bearer", "refresh_token": "second"})

    def answer(self, status: int, body: Any) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *said: Any) -> None:
        """Nobody reads it."""


@pytest.fixture
def issuer() -> Iterator[ThreadingHTTPServer]:
    handler = type("OneIssuer", (Issuer,), {"tokens": [], "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def oidc(server: ThreadingHTTPServer) -> list[str]:
    return ["--oidc-issuer", f"http://127.0.0.1:{server.server_address[1]}", "--oidc-client", "stellwerk"]


def test_an_openid_provider_issues_the_token_for_the_client_s_secret(command, backend, ir, issuer, monkeypatch):
    issuer.RequestHandlerClass.tokens[:] = [token(3600)]
    backend.tokens = {issuer.RequestHandlerClass.tokens[0]: {"ada"}}
    monkeypatch.setenv("CLIENT_SECRET", "s3cr3t")
    ran = command("submit", ir, *TO, "--namespace", "ada", *oidc(issuer), "--oidc-secret-env", "CLIENT_SECRET")
    assert ran.code == 0, ran.err
    (asked,) = issuer.RequestHandlerClass.asked
    assert (asked["grant_type"], asked["scope"]) == ("client_credentials", "openid")


def test_a_token_that_was_revoked_is_issued_again_with_the_newest_refresh_token(command, backend, ir, issuer, tmp_path):
    revoked, fresh = token(3600), token(7200)
    issuer.RequestHandlerClass.tokens[:] = [revoked, fresh]
    backend.tokens = {fresh: {"ada"}}
    (tmp_path / "refresh").write_text("first")
    ran = command("submit", ir, *TO, "--namespace", "ada", *oidc(issuer), "--oidc-refresh-file", "refresh")
    assert ran.code == 0, ran.err
    assert [each["refresh_token"] for each in issuer.RequestHandlerClass.asked] == ["first", "second"]
    assert len(backend.runs) == 1
    assert (tmp_path / "refresh").read_text() == "second\n"
    assert (tmp_path / "refresh").stat().st_mode & 0o777 == 0o600


def test_a_client_that_the_provider_refuses_is_told(command, backend, ir, issuer, monkeypatch):
    monkeypatch.setenv("CLIENT_SECRET", "wr0ng")
    ran = command("submit", ir, *TO, *oidc(issuer), "--oidc-secret-env", "CLIENT_SECRET")
    assert ran.code == 3
    assert "refused client 'stellwerk' (HTTP 401: Invalid client credentials)" in ran.err
    assert "wr0ng" not in ran.err


def test_a_host_with_a_certificate_of_an_own_authority(command, ir, tmp_path, certificates: tuple[Path, Path]):
    certificate, key = certificates
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with serving(Backend(), lambda plain: context.wrap_socket(plain, server_side=True)) as backend:
        host = backend.url.replace("http://127.0.0.1", "https://localhost")
        trusted = command("submit", ir, *TO, "--host", host, "--ca", certificate)
        assert trusted.code == 0, trusted.err
        unknown = command("submit", ir, *TO, "--host", host)
        assert unknown.code == 3
        assert f"{host}: cannot be trusted: " in unknown.err
        assert "Name the certificates of its authority with --ca" in unknown.err


def test_a_host_that_wants_a_certificate_is_shown_one(command, ir, certificates: tuple[Path, Path]):
    certificate, key = certificates
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificate)
    context.load_cert_chain(certificate, key)
    context.verify_mode = ssl.CERT_REQUIRED
    with serving(Backend(), lambda plain: context.wrap_socket(plain, server_side=True)) as backend:
        to = (
            "submit",
            ir,
            *TO,
            "--host",
            backend.url.replace("http://127.0.0.1", "https://localhost"),
            "--ca",
            certificate,
        )
        shown = command(*to, "--client-certificate", certificate, "--client-key", key)
        assert shown.code == 0, shown.err
        assert command(*to, "--patience", "0").code == 3
