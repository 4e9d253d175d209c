"""The image's health check."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from stellwerk.health import url, well


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        ("stellwerk serve /models/m", "http://127.0.0.1:8501/healthz"),
        ("python3 /opt/stellwerk/bin/stellwerk serve m --host 0.0.0.0 --rest-port 80", "http://127.0.0.1:80/healthz"),
        ("stellwerk serve m --rest-port=80 --host=10.1.1.1", "http://10.1.1.1:80/healthz"),
        ("stellwerk serve m --tls-cert c.pem --tls-key k.pem", "https://127.0.0.1:8501/healthz"),
        ("python3 -m kfp.dsl.executor_main --function_to_execute train", None),
        ("stellwerk run pipeline.yaml", None),
    ],
)
def test_a_server_is_asked_where_it_listens_and_anything_else_is_well_while_it_runs(command, asked):
    assert url(command.split()) == asked


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_a_server_is_well_when_it_says_so(status, healthy):
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert well(f"http://127.0.0.1:{server.server_port}/healthz", 60.0) is healthy
        server.shutdown()
    assert not well(f"http://127.0.0.1:{server.server_port}/healthz", 60.0)
