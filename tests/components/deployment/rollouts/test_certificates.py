"""A cluster whose authority leaves out what Python asks for since 3.13 is told so, and taken where the environment says it."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.pipelines.kubeflow.backend.test_trust import STRICT, authority
from urllib3.util import create_urllib3_context

from stellwerk.components.certificates import LENIENT_CA
from stellwerk.components.deployment.rollouts.cluster import Cluster, Refused, Resource

SERVICE = Resource("Service", "/api/v1", "services")


class _Empty(BaseHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        body = json.dumps({"kind": "Status", "message": "not found", "details": {"kind": "services"}}).encode()
        self.send_response(404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """That of a cluster with an authority without key usage, seen by a Python that checks as 3.13 does."""
    made = authority(tmp_path / "tls")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Empty)
    server.socket = made.wrap(server.socket)  # type: ignore[assignment]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    cluster = {"server": f"https://localhost:{server.server_port}", "certificate-authority": str(made.ca)}
    config = {
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "c", "user": {"token": "t"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
    }  # fmt: skip
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    strict = functools.partial(create_urllib3_context, verify_flags=STRICT)
    monkeypatch.setattr("urllib3.connection.create_urllib3_context", strict)
    monkeypatch.setattr("urllib3.util.create_urllib3_context", strict)
    yield tmp_path / "config"
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_the_certificate_leaves_out_is_told_with_how_to_go_on(kubeconfig: Path):
    with pytest.raises(Refused) as refused:
        Cluster(None).read(SERVICE, "ml", "late")
    said = str(refused.value)
    assert "CA cert does not include key usage extension" in said
    assert said.endswith(
        f"or take it as it is with {LENIENT_CA}=1 among the variables of push (cluster.steps.push.env)"
    )


def test_who_says_so_takes_it(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(LENIENT_CA, "1")
    assert Cluster(None).read(SERVICE, "ml", "late") is None
