"""Google's Identity-Aware Proxy: an id token for its client, from a service account's key, by Google's own library."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

CLIENT = "123-abc.apps.googleusercontent.com"
TO = ("-p", "to=models", "--namespace", "ada", "--iap-client", CLIENT)


def part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class TokenService(BaseHTTPRequestHandler):
    """Issues id tokens for assertions that the account's key has signed, as Google's token endpoint does."""

    key: Any
    account: dict[str, str]
    issued: list[str]
    faults: list[int]

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if self.faults:
            self.answer(
                self.faults.pop(0), {"error": "invalid_grant", "error_description": "Invalid grant: account not found"}
            )
            return
        head, claims, signature = form["assertion"][0].split(".")
        signed = f"{head}.{claims}".encode()
        self.key.public_key().verify(decoded(signature), signed, padding.PKCS1v15(), hashes.SHA256())
        asked = json.loads(decoded(claims))
        assert asked["iss"] == self.account["client_email"]
        claims = {
            "aud": asked["target_audience"],
            "email": asked["iss"],
            "exp": int(time.time()) + 3600,
            "n": len(self.issued),
        }
        self.issued.append(f"{part({'alg': 'none'})}.{part(claims)}.c2ln")
        self.answer(200, {"id_token": self.issued[-1]})

    def answer(self, status: int, body: Any) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nobody reads it."""


@pytest.fixture(scope="module")
def key() -> Any:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def google(key: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[TokenService]]:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    account = {"type": "service_account", "client_email": "ci@project.iam.gserviceaccount.com", "private_key_id": "1"}
    handler = type("OneTokenService", (TokenService,), {"key": key, "account": account, "issued": [], "faults": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    account["private_key"] = key.private_bytes(encoding, form, serialization.NoEncryption()).decode()
    account["token_uri"] = f"http://127.0.0.1:{server.server_address[1]}/token"
    (tmp_path / "account.json").write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "account.json"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()


class Anything(dict[str, set[str]]):
    """Tokens of a backend that lets in whatever is an id token for the client."""

    def __contains__(self, token: object) -> bool:
        return bool(token) and json.loads(decoded(str(token).split(".")[1]))["aud"] == CLIENT

    def __getitem__(self, token: str) -> set[str]:
        return {"ada"}

    def __bool__(self) -> bool:
        return True


def test_a_service_account_s_id_token_opens_the_proxy(command, backend, ir, google):
    backend.tokens = Anything()
    ran = command("submit", ir, *TO)
    assert ran.code == 0, ran.err
    assert (len(google.issued), len(backend.runs)) == (1, 1)


def test_a_token_that_is_refused_is_issued_again_once(command, backend, ir, google):
    backend.tokens = {"other": {"ada"}}
    ran = command("submit", ir, *TO)
    assert ran.code == 3
    assert f"does not accept Google's id token for client '{CLIENT}' (HTTP 401" in ran.err
    assert len(google.issued) == 2
    assert not any(token in ran.err for token in google.issued)


def test_an_account_that_google_does_not_know_is_told(command, backend, ir, google):
    google.faults[:] = [400]
    ran = command("submit", ir, *TO)
    assert ran.code == 3
    assert f"Google issues no id token for client '{CLIENT}': " in ran.err
    assert "account not found" in ran.err
    assert backend.seen == []


def test_without_credentials_of_google_it_says_which_there_are(command, backend, ir, monkeypatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/account.json")
    ran = command("submit", ir, *TO)
    assert ran.code == 2
    assert (
        "--iap-client needs credentials of Google: GOOGLE_APPLICATION_CREDENTIALS path is either not found" in ran.err
    )
    assert "gcloud auth application-default login --impersonate-service-account" in ran.err
    assert backend.seen == []
