"""A source at a signed address: it is read, and nothing that a run writes or prints says what it is signed with."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

SIGNATURE = "X-Amz-Credential=AKIA%2F20260101&X-Amz-Signature=f00dfeed"
SECRETS = (b"f00dfeed", b"AKIA", b"X-Amz")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def signed(tmp_path: Path, make_project: Any) -> Iterator[Path]:
    """The small pipeline, whose data lie behind a signed URL."""
    spec: Path = make_project(tmp_path / "project")
    (tmp_path / "web").mkdir()
    (spec.parent / "flights.csv").rename(tmp_path / "web" / "flights.csv")
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(tmp_path / "web"))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/flights.csv?{SIGNATURE}"
        spec.write_text(spec.read_text().replace("{flights: flights.csv}", f"{{flights: '{address}'}}"))
        yield spec
        server.shutdown()


def _told(spec: Path) -> dict[str, list[bytes]]:
    """Returns what is told of the signature by each file of the runs that does."""
    files = [path for path in (spec.parent / "runs").rglob("*") if path.is_file()]
    assert len(files) > 5
    found = {str(path): [secret for secret in SECRETS if secret in path.read_bytes()] for path in files}
    return {path: secrets for path, secrets in found.items() if secrets}


def test_a_run_on_a_signed_address_tells_its_signature_to_nobody(signed: Path, stellwerk):
    ran = stellwerk("run", signed, "--until", "validate")
    assert ran.returncode == 0, ran.stderr
    (call,) = (signed.parent / "runs").glob("*/*/ingest/call.json")
    assert "/flights.csv?…" in call.read_text(encoding="utf-8")
    assert _told(signed) == {}
    assert not [secret for secret in SECRETS if secret.decode() in ran.stdout + ran.stderr]


def test_nor_does_one_that_fails(signed: Path, stellwerk, tmp_path: Path):
    (tmp_path / "web" / "flights.csv").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(10_000))
    ran = stellwerk("run", signed, "--until", "ingest")
    assert ran.returncode in (2, 3)
    assert "/flights.csv" in ran.stderr
    assert not [secret for secret in SECRETS if secret.decode() in ran.stdout + ran.stderr]
    (tmp_path / "web" / "flights.csv").unlink()
    ran = stellwerk("check", signed)
    assert ran.returncode == 2
    assert "there is no such file" in ran.stderr
    assert not [secret for secret in SECRETS if secret.decode() in ran.stdout + ran.stderr]
    ran = stellwerk("check", signed, "--json")
    assert not [secret for secret in SECRETS if secret.decode() in ran.stdout + ran.stderr]
