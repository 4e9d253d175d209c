"""A Kubeflow with a login page: user and password open a session, as a browser would, and an expired one is opened anew."""

from __future__ import annotations

import json
import logging
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from .gate import Gate, guarding
from .server import Backend, Fault, serving

TO = ("-p", "to=models", "--namespace", "ada")
ADA = ("--user", "ada@example.com", "--password-env", "KF_PASSWORD")


@pytest.fixture(params=["authservice", "oauth2-proxy"])
def gate(request: pytest.FixtureRequest, backend: Backend, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    backend.tokens = {"inside": {"ada"}}
    monkeypatch.setenv("KF_PASSWORD", "s3cr3t-w0rd")
    with guarding(Gate(request.param, backend.url)) as standing:
        yield standing


@pytest.fixture
def newer(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    backend.tokens = {"inside": {"ada"}}
    monkeypatch.setenv("KF_PASSWORD", "s3cr3t-w0rd")
    with guarding(Gate("oauth2-proxy", backend.url)) as standing:
        yield standing


def test_a_user_logs_in_once_and_submits(command, backend, gate, ir, caplog):
    caplog.set_level(logging.DEBUG)
    ran = command("--debug", "submit", ir, *TO, *ADA, "--host", gate.url)
    assert ran.code == 0, ran.err
    assert (gate.logins, len(backend.runs)) == (1, 1)
    assert "s3cr3t-w0rd" not in ran.out + ran.err + caplog.text


def test_of_several_connectors_the_one_that_is_named_is_taken_and_the_approval_is_given(command, backend, gate, ir):
    gate.connectors, gate.asks_approval = 2, True
    ran = command("submit", ir, *TO, *ADA, "--host", gate.url)
    assert ran.code == 0, ran.err
    assert "POST /dex/approval" in gate.seen
    ran = command("submit", ir, *TO, *ADA, "--host", gate.url, "--connector", "ldap")
    assert ran.code == 3
    assert "/dex/auth/ldap: asks for no user and password (HTTP 404)" in ran.err
    assert "Name another connector of Dex with --connector" in ran.err


@pytest.mark.parametrize("status", [401, 200])
def test_a_wrong_password_is_told_and_never_shown(command, backend, gate, ir, monkeypatch, status: int):
    gate.wrong_status = status
    monkeypatch.setenv("KF_PASSWORD", "wr0ng-w0rd")
    ran = command("submit", ir, *TO, *ADA, "--host", gate.url)
    assert ran.code == 3
    assert "/dex/auth/local/login: user or password is wrong, for 'ada@example.com'." in ran.err
    assert "wr0ng-w0rd" not in ran.err
    assert "state=" not in ran.err
    assert gate.seen.count("POST /dex/auth/local/login") == 1
    assert backend.seen == []


def test_the_password_may_be_in_a_file(command, backend, newer, ir, tmp_path):
    (tmp_path / "password").write_text("s3cr3t-w0rd\n")
    ran = command("submit", ir, *TO, "--user", "ada@example.com", "--password-file", "password", "--host", newer.url)
    assert ran.code == 0, ran.err
    assert len(backend.runs) == 1


def test_a_session_that_has_expired_is_opened_anew_and_the_run_looked_for_before_it_is_sent_again(
    command, backend, gate, ir
):
    gate.ends_before = "POST"
    ran = command("submit", ir, *TO, *ADA, "--host", gate.url)
    assert ran.code == 0, ran.err
    assert gate.logins == 2
    assert len(backend.runs) == 1
    sent = [f"{method} {path}" for method, path, _ in backend.seen]
    assert "POST /apis/v2beta1/experiments" in sent


def test_a_run_whose_session_expires_is_listed_before_it_is_sent_again(command, backend, gate, ir):
    assert command("submit", ir, *TO, *ADA, "--host", gate.url).code == 0  # the experiment is there now
    before = len(backend.seen)
    gate.ends_before = "POST"
    ran = command("submit", ir, *TO, *ADA, "--host", gate.url)
    assert ran.code == 0, ran.err
    assert len(backend.runs) == 2
    later = [(method, path) for method, path, _ in backend.seen[before:] if path == "/apis/v2beta1/runs"]
    assert later == [("GET", "/apis/v2beta1/runs"), ("POST", "/apis/v2beta1/runs")]


def test_a_session_that_is_refused_again_is_told_and_not_renewed_for_ever(command, backend, gate, ir):
    backend.tokens = {"other": {"ada"}}  # the gate lets through, and the backend knows nobody
    ran = command("submit", ir, *TO, *ADA, "--host", gate.url)
    assert ran.code == 3
    assert "does not accept the session of user 'ada@example.com' (HTTP 401: Authentication request failed)" in ran.err
    assert gate.logins == 2


def test_a_login_that_is_busy_is_tried_again(command, backend, gate, ir):
    gate.busy = 2
    ran = command("submit", ir, *TO, *ADA, "--host", gate.url)
    assert ran.code == 0, ran.err
    assert (gate.logins, len(backend.runs)) == (1, 1)
    gate.busy = 100
    ran = command("submit", ir, *TO, *ADA, "--host", gate.url, "--patience", "0")
    assert ran.code == 3
    assert f"{gate.url}/dex/auth: is busy or down (HTTP 503)" in ran.err


def test_a_password_does_not_go_without_tls_where_the_host_has_it(command, newer, ir, certificates: tuple[Path, Path]):
    certificate, key = certificates
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with serving(Backend(), lambda plain: context.wrap_socket(plain, server_side=True)) as backend:
        elsewhere = {"Location": f"{newer.url}/dex/auth/local/login?state=1"}
        backend.faults = [Fault("GET", "/", status=302, headers=elsewhere)]
        host = backend.url.replace("http://127.0.0.1", "https://localhost")
        ran = command("submit", ir, *TO, *ADA, "--host", host, "--ca", certificate)
    assert ran.code == 3
    assert ran.err == f"{newer.url}/dex/auth/local/login: wants the password without TLS, and does not get it.\n"
    assert newer.seen == ["GET /dex/auth/local/login"]


def test_a_password_is_not_sent_on_to_somebody_else(command, backend, newer, ir):
    newer.forwards = f"{backend.url}/elsewhere"
    ran = command("submit", ir, *TO, *ADA, "--host", newer.url)
    assert ran.code == 3
    assert "/dex/auth/local/login: sends a form on to somebody else, who does not get it." in ran.err
    assert backend.seen == []


def test_without_credentials_the_login_page_is_named(command, backend, gate, ir):
    ran = command("submit", ir, *TO, "--host", gate.url)
    assert ran.code == 3
    assert f"wants to know who asks (HTTP {302 if gate.kind == 'authservice' else 403})" in ran.err
    assert "this is a login page: --user NAME" in ran.err


def test_where_nobody_asks_for_a_login_none_is_made(command, backend, newer, ir):
    newer.is_open = True
    assert command("submit", ir, *TO, *ADA, "--host", newer.url).code == 0
    assert (newer.logins, len(backend.runs)) == (0, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--user", "ada"], "--user also needs --password-env or --password-file: there is no terminal"),
        (["--password-env", "KF_PASSWORD"], "say whose with --user"),
        (["--user", "ada", "--password-env", "NONE"], "$NONE should hold the password of 'ada', and is not set."),
        (["--user", "ada", "--password-file", "none"], "none: the password of 'ada' cannot be read: No such file"),
        (["--user", "ada", "--password-file", "a", "--password-env", "B"], "each name the password. Give one"),
        (["--user", "ada", "--iap-client", "b"], "--user and --iap-client each say who asks."),
        (["--client-key", "k.pem"], "name that with --client-certificate"),
        (["--client-certificate", "c.pem"], "c.pem: there is no such file."),
    ],
)
def test_what_is_wrong_with_a_login_is_told_before_anything_is_sent(
    command, backend, ir, monkeypatch, options: list[str], message: str
):
    monkeypatch.setattr("sys.stdin", None)
    ran = command("submit", ir, *TO, *options)
    assert ran.code == 2
    assert message in ran.err
    assert backend.seen == []


def test_a_terminal_is_asked_for_the_password_and_does_not_show_it(backend, newer, ir, tmp_path):
    ours, theirs = os.openpty()
    arguments = ["submit", str(ir), *TO, "--user", "ada@example.com", "--host", newer.url]
    said: list[bytes] = []
    with subprocess.Popen(
        [sys.executable, "-m", "stellwerk", *arguments],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # without a terminal of its own, so that not the developer's is asked
        cwd=tmp_path,
    ) as running:
        assert running.stderr is not None
        assert running.stdout is not None
        until = threading.Timer(120, running.kill)
        until.start()
        while not b"".join(said).endswith(b": "):
            letter = running.stderr.read(1)
            assert letter, b"".join(said)
            said.append(letter)
        os.write(ours, b"s3cr3t-w0rd\n")
        rest, out = running.stderr.read(), running.stdout.read()
        until.cancel()
    os.close(ours)
    os.close(theirs)
    assert running.returncode == 0, rest
    assert b"".join(said).decode() == f"Password of ada@example.com at {newer.url}: "
    assert b"s3cr3t-w0rd" not in b"".join(said) + rest + out
    assert len(backend.runs) == 1


def test_connect_says_whether_it_works_and_as_whom(command, backend, newer):
    ran = command("connect", *ADA, "--host", newer.url, "--namespace", "ada")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        f"{newer.url}: answers, and takes the session of user 'ada@example.com'\n"
        "namespace ada: its runs may be listed\n"
    )
    told = json.loads(command("connect", *ADA, "--host", newer.url, "--namespace", "ada", "--json").out)
    assert (told["several_users"], told["namespace"]) == (True, "ada")
    ran = command("connect", *ADA, "--host", newer.url)
    assert ran.code == 3
    assert "name your namespace with --namespace" in ran.err


def test_connect_without_several_users_takes_everybody(command, backend):
    ran = command("connect")
    assert (ran.code, ran.out) == (0, f"{backend.url}: answers, and takes everybody\n")
