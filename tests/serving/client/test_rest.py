"""The REST client by itself: what it writes, and what it says of servers that refuse, break off or keep silent."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from stellwerk.serving.client.base import Unanswered
from stellwerk.serving.client.rest import RestClient, body, outputs


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/broken":
            self.close_connection = True
            return
        if self.path == "/silent":
            time.sleep(1.0)
        status = 503 if self.path == "/busy" else 200
        answer = json.dumps({"error": "busy"} if status == 503 else {"outputs": self.headers["Authorization"]}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("Retry-After", "7")
        with contextlib.suppress(BrokenPipeError):  # who asked is gone
            self.end_headers()
            self.wfile.write(answer)


@pytest.fixture
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_columns_are_written_as_tensorflow_serving_reads_them() -> None:
    columns = {
        "x": np.array([1.5, np.nan]),
        "text": np.array([b"\xc3\xbc", "ö"], object),
        "bytes": np.array([[b"\xff"], [b"a"]], object),
    }
    written = body(columns, "transform").decode()
    assert '"x": [1.5, NaN]' in written
    assert '"text": ["ü", "ö"]' in written
    assert '"bytes": [[{"b64": "/w=="}], ["a"]]' in written
    assert json.loads(written)["signature_name"] == "transform"
    assert "signature_name" not in body(columns).decode()


def test_an_only_output_has_no_name_and_what_is_no_answer_is_none() -> None:
    assert outputs(b'{"outputs": [[0.5]]}') == {"": [[0.5]]}
    assert outputs(b'{"outputs": {"a": [1], "b": [2]}}') == {"a": [1], "b": [2]}
    assert [outputs(answer) for answer in (b"<html>", b"{}", b"[]")] == [None, None, None]


def test_a_token_goes_with_every_request(port: int) -> None:
    client = RestClient("127.0.0.1", port, "/", timeout=5, token="secret")
    assert outputs(client.ask(b"{}")) == {"": "Bearer secret"}
    client.close()


def test_a_refusal_has_the_status_the_servers_words_and_how_long_to_wait(port: int) -> None:
    client = RestClient("127.0.0.1", port, "/busy", timeout=5)
    with pytest.raises(Unanswered, match=r'^status 503: \{"error": "busy"\}$') as refused:
        client.ask(b"{}")
    assert (refused.value.code, refused.value.said, refused.value.wait, refused.value.broken) == (503, "busy", 7, False)
    client.close()


def test_after_a_connection_that_broke_or_kept_silent_the_next_request_has_a_new_one(port: int) -> None:
    client = RestClient("127.0.0.1", port, "/", timeout=0.3)
    with pytest.raises(Unanswered, match="the connection broke") as broken:
        client.send("POST", "/broken", b"{}")
    assert (broken.value.broken, broken.value.code) == (True, None)
    assert outputs(client.ask(b"{}")) == {"": None}
    with pytest.raises(Unanswered, match=r"^no answer within 0 s$"):
        client.send("POST", "/silent", b"{}")
    assert outputs(client.ask(b"{}")) == {"": None}
    client.close()


def test_a_server_that_is_not_there_is_told_before_the_first_request() -> None:
    with pytest.raises(Unanswered, match=r"^no connection \(Connection refused\)$"):
        RestClient("127.0.0.1", 9, "/", timeout=1).connect()
