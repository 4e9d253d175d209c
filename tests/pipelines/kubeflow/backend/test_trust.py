"""Authorities of clusters that leave out what RFC 5280 asks: Python refuses them from 3.13 on, says why, and takes them on demand."""

from __future__ import annotations

import contextlib
import functools
import ssl
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from urllib3.util import create_urllib3_context

from stellwerk.pipelines.kubeflow.submission import Asked, find_connection
from stellwerk.pipelines.kubeflow.submission import trust as trusting

from .gate import Gate, guarding
from .server import Backend, serving
from .test_proxies import port_of, proxy, url_of

TO = ("-p", "to=models")
STRICT = ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Authority:
    """An authority as kubeadm, minikube and many companies have made them, and a server's certificate that it has signed."""

    ca: Path
    chain: Path
    key: Path

    def wrap(self, plain: object) -> object:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, self.key)
        return context.wrap_socket(plain, server_side=True)  # type: ignore[call-overload]


def authority(folder: Path, *, key_usage: bool = False, critical: bool = True, identifiers: bool = True) -> Authority:
    folder.mkdir()
    keys: list[Key] = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    root, host = (x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, each)]) for each in ("a cluster", "host"))
    own = x509.SubjectKeyIdentifier.from_public_key(keys[0].public_key())
    ca = _builder(root, root, keys[0]).add_extension(x509.BasicConstraints(True, None), critical=critical)
    ca = ca.add_extension(own, critical=False)
    if key_usage:
        ca = ca.add_extension(x509.KeyUsage(True, *[False] * 4, True, True, False, False), critical=True)
    signed = _builder(host, root, keys[1]).add_extension(
        x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False
    )
    if identifiers:
        above = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
        signed = signed.add_extension(above, critical=False)
    made = Authority(folder / "ca.pem", folder / "chain.pem", folder / "key.pem")
    made.ca.write_bytes(_pem(ca.sign(keys[0], hashes.SHA256())))
    made.chain.write_bytes(_pem(signed.sign(keys[0], hashes.SHA256())))
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    made.key.write_bytes(keys[1].private_bytes(serialization.Encoding.PEM, *plain))
    return made


def _builder(name: x509.Name, issuer: x509.Name, key: Key) -> x509.CertificateBuilder:
    day, now = timedelta(days=1), datetime.now(UTC)
    return x509.CertificateBuilder(issuer, name, key.public_key(), x509.random_serial_number(), now - day, now + day)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Certificates are checked as Python 3.13 and later check them, whichever Python runs the test."""
    monkeypatch.setattr(
        trusting, "create_urllib3_context", functools.partial(create_urllib3_context, verify_flags=STRICT)
    )


@contextlib.contextmanager
def behind(authority: Authority) -> Iterator[tuple[Backend, str]]:
    with serving(Backend(), authority.wrap) as backend:
        yield backend, backend.url.replace("http://127.0.0.1", "https://localhost")


@pytest.mark.parametrize(
    ("flaw", "said", "anew"),
    [
        ({}, "CA cert does not include key usage extension", "keyUsage = critical, keyCertSign, cRLSign"),
        ({"key_usage": True, "critical": False}, "Basic Constraints of CA cert not marked critical", "CA:TRUE"),
        ({"key_usage": True, "identifiers": False}, "Missing Authority Key Identifier", "authorityKeyIdentifier"),
    ],
)
def test_an_authority_that_leaves_something_out_is_told_with_what_and_how_to_go_on(
    command, ir, tmp_path, strict, flaw: dict[str, bool], said: str, anew: str
):
    made = authority(tmp_path / "tls", **flaw)
    with behind(made) as (backend, host):
        refused = command("submit", ir, *TO, "--host", host, "--ca", made.ca)
        assert refused.code == 3
        assert (
            f"{host}: cannot be trusted: its certificate, or its authority's, is not made as RFC 5280 asks: {said}. "
            in (refused.err)
        )
        assert "Python checks that since 3.13, where Go, curl and browsers do not." in refused.err
        assert anew in refused.err
        assert "or take it as it is with --lenient-ca." in refused.err
        assert len(refused.err.splitlines()) == 1
        taken = command("submit", ir, *TO, "--host", host, "--ca", made.ca, "--lenient-ca")
        assert taken.code == 0, taken.err
        assert len(backend.runs) == 1


def test_the_environment_says_the_same_for_every_command(command, tmp_path, strict, monkeypatch):
    made = authority(tmp_path / "tls")
    monkeypatch.setenv("SSL_CERT_FILE", str(made.ca))
    with behind(made) as (_, host):
        monkeypatch.setenv("KF_PIPELINES_ENDPOINT", host)
        assert command("connect").code == 3
        monkeypatch.setenv("STELLWERK_LENIENT_CA", "1")
        assert command("connect").code == 0
        assert command("cluster", "runs").code == 0
        monkeypatch.setenv("STELLWERK_LENIENT_CA", "0")
        assert command("cluster", "runs").code == 3


def test_a_well_made_authority_needs_no_setting(command, tmp_path, strict):
    made = authority(tmp_path / "tls", key_usage=True)
    with behind(made) as (_, host):
        ran = command("connect", "--host", host, "--ca", made.ca)
        assert ran.code == 0, ran.err


def test_who_is_lenient_still_trusts_no_other_authority_and_no_other_name(command, tmp_path, strict):
    made, other = authority(tmp_path / "tls"), authority(tmp_path / "other")
    with behind(made) as (backend, host):
        elsewhere = command("connect", "--host", host, "--ca", other.ca, "--lenient-ca")
        assert elsewhere.code == 3
        assert "cannot be trusted: " in elsewhere.err
        assert "Name the certificates of its authority with --ca" in elsewhere.err
        renamed = command("connect", "--host", host.replace("localhost", "127.0.0.1"), "--ca", made.ca, "--lenient-ca")
        assert renamed.code == 3
        assert "IP address mismatch" in renamed.err
        assert backend.seen == []


def test_through_a_proxy_the_same(command, tmp_path, strict, monkeypatch):
    made = authority(tmp_path / "tls")
    with behind(made) as (backend, host), proxy(port_of(host)) as between:
        monkeypatch.setenv("https_proxy", url_of(between))
        monkeypatch.setenv("no_proxy", "")
        asked = ("connect", "--host", host, "--ca", made.ca)
        assert "not made as RFC 5280 asks" in command(*asked).err
        assert command(*asked, "--lenient-ca").code == 0
        assert between.RequestHandlerClass.seen
        assert backend.seen


def test_a_login_page_behind_such_an_authority_is_told_and_taken_in_the_same_way(command, backend, tmp_path, strict):
    made = authority(tmp_path / "tls")
    (tmp_path / "password").write_text("s3cr3t-w0rd")
    backend.tokens = {"inside": {"ada"}}
    with guarding(Gate("oauth2-proxy", backend.url), made.wrap) as gate:
        host = gate.url.replace("http://127.0.0.1", "https://localhost")
        who = ("--user", "ada@example.com", "--password-file", tmp_path / "password", "--namespace", "ada")
        asked = ("connect", "--host", host, "--ca", made.ca, *who)
        refused = command(*asked)
        assert refused.code == 3
        assert (
            f"{host}/: cannot be trusted: its certificate, or its authority's, is not made as RFC 5280" in refused.err
        )
        taken = command(*asked, "--lenient-ca")
        assert taken.code == 0, taken.err
        assert gate.logins == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--ca", "empty.pem"], "empty.pem: holds no certificates in PEM: "),
        (
            ["--client-certificate", "empty.pem"],
            "empty.pem: holds no certificate in PEM that fits the key in empty.pem: ",
        ),
    ],
)
def test_a_file_without_certificates_is_told_before_anything_is_sent(command, backend, tmp_path, options, said: str):
    (tmp_path / "empty.pem").write_text("no certificate\n")
    ran = command("connect", *options)
    assert ran.code == 2
    assert said in ran.err
    assert backend.seen == []


def test_without_the_setting_certificates_are_checked_as_the_running_python_does():
    made: Callable[[bool], ssl.SSLContext] = lambda lenient: find_connection(  # noqa: E731
        Asked(host="https://a.example", lenient_ca=lenient), None, {}
    ).trust.context()
    assert bool(made(False).verify_flags & ssl.VERIFY_X509_STRICT) == (sys.version_info >= (3, 13))
    assert not made(True).verify_flags & ssl.VERIFY_X509_STRICT
    assert made(True).verify_mode == ssl.CERT_REQUIRED
    assert made(True).check_hostname
