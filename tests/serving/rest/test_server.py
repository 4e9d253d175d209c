"""The HTTP server alone: what clients may do to it, and what it does to them."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time

import pytest

from stellwerk.errors import UsageError
from stellwerk.serving.rest.limits import Limits
from stellwerk.serving.rest.messages import Response
from stellwerk.serving.rest.server import HttpServer

SMALL = Limits(
    body_bytes=1000, held_bytes=200_000, connections=4, head_s=0.4, body_s=0.6, idle_s=0.8, answer_s=1.5, grace_s=3
)


def echo(request):
    if request.path == "/slow":
        time.sleep(float(request.body or b"1"))
    return Response(200, json.dumps([request.method, request.path, request.body.decode("latin-1")]).encode())


@pytest.fixture(scope="module")
def server():
    with HttpServer("127.0.0.1", 0, echo, SMALL) as running:
        yield running


@pytest.fixture
def connect(server):
    opened = []

    def connected():
        client = socket.create_connection(server.address, timeout=60)
        opened.append(client)
        return client

    yield connected
    for client in opened:
        client.close()
    until = time.monotonic() + 60
    while server.connections and time.monotonic() < until:
        time.sleep(0.02)
    assert not server.connections


def exchange(client, data):
    client.sendall(data)
    return client.makefile("rb").read()


def get(path="/x", more=""):
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}\r\n".encode()


def post(body, more="", close=True):
    end = "Connection: close\r\n" if close else ""
    return f"POST /x HTTP/1.1\r\nHost: x\r\n{end}{more}Content-Length: {len(body)}\r\n\r\n".encode() + body


def test_a_connection_is_reused_and_requests_may_come_in_one_piece(connect):
    client = connect()
    answer = exchange(client, post(b"one", close=False) + post(b"two", close=False) + get())
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert answer.index(b'"one"') < answer.index(b'"two"')


def test_http_1_0_ends_after_its_answer_and_head_has_no_body(connect):
    assert b"Connection: close" in exchange(connect(), b"GET /x HTTP/1.0\r\n\r\n")
    answer = exchange(connect(), get().replace(b"GET", b"HEAD"))
    assert answer.endswith(b"\r\n\r\n")
    assert b"Content-Length: 18" in answer


def test_a_body_that_is_chunked_or_zipped_is_read(connect):
    chunked = b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    assert b'"abcde"' in exchange(connect(), chunked + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: x\r\n\r\n")
    assert b'"plain"' in exchange(connect(), post(gzip.compress(b"plain"), "Content-Encoding: gzip\r\n"))


def test_a_client_that_asks_first_is_told_to_go_on(connect):
    client = connect()
    client.sendall(post(b"later", "Expect: 100-continue\r\n")[:-5])
    assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert b'"later"' in exchange(client, b"later")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET\r\n\r\n", 400),
        (b"GET /x HTTP/2\r\n\r\n", 400),
        (b"get /x HTTP/1.1\r\n\r\n", 400),
        (b"GET x HTTP/1.1\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (get(more="no colon\r\n"), 400),
        (get(more="bad name: x\r\n"), 400),
        (get(more=" folded: x\r\n"), 400),
        (get(more="X: a\nb\r\n"), 400),
        (get(more="Host: again\r\n"), 400),
        (get(more="Content-Length: -5\r\n"), 400),
        (get(more="Content-Length: +5\r\n"), 400),
        (get(more="Content-Length: 5, 5\r\n"), 400),
        (get(more="Content-Length: 1\r\nContent-Length: 2\r\n"), 400),
        (get(more="Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 400),
        (get(more="Transfer-Encoding: gzip, chunked\r\n"), 400),
        (get(more="Transfer-Encoding: chunked\r\n") + b"zz\r\n", 400),
        (get(more="Transfer-Encoding: chunked\r\n") + b"3\r\nabcd\r\n0\r\n\r\n", 400),
        (get(more="Transfer-Encoding: chunked\r\n") + b"3ea\r\n" + b"x" * 1002, 413),
        (get(more="Transfer-Encoding: chunked\r\n") + b"0\r\n" + b"A: b\r\n" * 20_000 + b"\r\n", 431),
        (get(more="Content-Length: 1001\r\n"), 413),
        (get(more="Content-Length: 104857600\r\n") + b" " * 500_000, 413),
        (get(more=f"Content-Length: {'9' * 400}\r\n"), 400),
        (post(gzip.compress(b" " * 100_000), "Content-Encoding: gzip\r\n"), 413),
        (post(b"no gzip", "Content-Encoding: gzip\r\n"), 400),
        (post(gzip.compress(b"cut off" * 99)[:-9], "Content-Encoding: gzip\r\n"), 400),
        (post(b"x", "Content-Encoding: br\r\n"), 415),
        (b"GET /x HTTP/1.1\r\nX: " + b"a" * 40_000, 431),
    ],
)
def test_a_malformed_or_oversized_request_is_refused_in_json(connect, request_bytes, status):
    answer = exchange(connect(), request_bytes)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert list(json.loads(body)) == ["error"]


def test_a_head_that_trickles_is_ended_in_time(connect):
    client = connect()
    client.sendall(b"GET /x HT")
    assert client.makefile("rb").read().startswith(b"HTTP/1.1 408 ")


def test_a_body_that_trickles_is_ended_in_time(connect):
    client = connect()
    client.sendall(post(b"0123456789")[:-5])
    assert client.makefile("rb").read().startswith(b"HTTP/1.1 408 ")


def test_an_idle_connection_is_closed(connect):
    client = connect()
    client.sendall(get().replace(b"Connection: close\r\n", b""))
    assert b"200 OK" in client.recv(1000)
    assert client.recv(1000) == b""


def test_an_answer_that_takes_too_long_is_504_for_its_client_alone(connect):
    slow, quick = connect(), connect()
    slow.sendall(post(b"3").replace(b"/x", b"/slow"))
    assert b"200 OK" in exchange(quick, get())
    answer = slow.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 504 ")
    assert answer.count(b"HTTP/1.1") == 1


def test_slow_clients_do_not_lock_others_out(connect, server):
    slow = [connect() for _ in range(SMALL.connections)]
    for client in slow:
        client.sendall(b"GET /x HT")
    for _ in range(3):
        assert b"200 OK" in exchange(connect(), get())
    assert server.connections <= SMALL.connections


def test_a_client_is_refused_when_all_places_are_at_work(connect):
    busy = [connect() for _ in range(SMALL.connections)]
    for client in busy:
        client.sendall(post(b"0.3").replace(b"/x", b"/slow"))
    time.sleep(0.1)
    refused = connect().makefile("rb").read()
    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 1" in refused
    assert all(b"200 OK" in client.makefile("rb").read() for client in busy)


def test_bodies_held_at_one_time_have_a_limit():
    entered, leave = threading.Event(), threading.Event()

    def wait(request):
        entered.set()
        leave.wait(10)
        return Response(200, b"")

    limits = Limits(body_bytes=100_000, held_bytes=150_000)
    with HttpServer("127.0.0.1", 0, wait, limits) as server:
        first, second = (socket.create_connection(server.address, timeout=60) for _ in range(2))
        first.sendall(post(b"x" * 100_000))
        assert entered.wait(10)
        assert exchange(second, post(b"x" * 100_000)).startswith(b"HTTP/1.1 503 ")
        leave.set()
        assert first.makefile("rb").read().startswith(b"HTTP/1.1 200 ")
        third = socket.create_connection(server.address, timeout=60)
        assert exchange(third, post(b"x" * 100_000)).startswith(b"HTTP/1.1 200 ")
        for client in (first, second, third):
            client.close()


def test_the_end_answers_what_is_under_way_and_closes_the_rest():
    with HttpServer("127.0.0.1", 0, echo) as server:
        working, idle = (socket.create_connection(server.address, timeout=60) for _ in range(2))
        working.sendall(post(b"0.3", close=False).replace(b"/x", b"/slow"))
        time.sleep(0.1)
    assert b"200 OK" in working.makefile("rb").read()
    assert idle.recv(10) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(server.address, timeout=2)
    working.close()
    idle.close()


class Echoes:
    """Answers all requests for /together as one, each with its own body; `gate` says when."""

    most, running, waiting = 50, 1, 60

    def __init__(self):
        self.gate = threading.Event()
        self.groups = []
        self.read = 0

    def wait_until_read(self, number):
        until = time.monotonic() + 60
        while self.read < number and time.monotonic() < until:
            time.sleep(0.01)
        assert self.read >= number

    def kind(self, request):
        self.read += request.path == "/together"
        return request.path if request.path == "/together" else None

    def answer(self, requests):
        self.gate.wait(60)
        self.groups.append(len(requests))
        return [Response(200, request.body) for request in requests]

    def refuse(self, request):
        return Response.error(429, "too many")


def together(body):
    return post(body, close=False).replace(b"/x", b"/together")


def read_answers(file, number):
    found = []
    for _ in range(number):
        assert file.readline() == b"HTTP/1.1 200 OK\r\n"
        headers = dict(line.split(b": ", 1) for line in iter(file.readline, b"\r\n"))
        found.append(file.read(int(headers[b"Content-Length"])))
    return found


def test_what_came_while_others_were_answered_is_answered_as_one_and_goes_to_whom_it_belongs():
    echoes = Echoes()
    with HttpServer("127.0.0.1", 0, echo, together=echoes) as server:
        clients = [socket.create_connection(server.address, timeout=60) for _ in range(40)]
        for number, client in enumerate(clients):
            client.sendall(together(b"first %d" % number) + together(b"second %d" % number))
        other = socket.create_connection(server.address, timeout=60)
        assert b"200 OK" in exchange(other, get())  # one that is not of the group waits for nothing
        echoes.wait_until_read(40)
        echoes.gate.set()
        for number, client in enumerate(clients):
            with client, client.makefile("rb") as file:
                assert read_answers(file, 2) == [b"first %d" % number, b"second %d" % number]
        other.close()
    assert sum(echoes.groups) == 80
    assert max(echoes.groups) > 10


def test_more_than_may_wait_are_refused_and_the_others_are_answered():
    echoes = Echoes()
    with HttpServer("127.0.0.1", 0, echo, together=echoes) as server:
        clients = [socket.create_connection(server.address, timeout=60) for _ in range(150)]
        for client in clients:
            client.sendall(together(b"x"))
        echoes.wait_until_read(150)
        echoes.gate.set()
        answers = [client.recv(1000)[9:12] for client in clients]
        for client in clients:
            client.close()
    assert set(answers) == {b"200", b"429"}
    assert answers.count(b"200") == sum(echoes.groups)
    assert answers.count(b"429") >= 40  # of 150, at most 50 are answered at once and 60 wait


def test_a_client_that_stops_reading_does_not_hold_the_others():
    large = b"y" * 20_000_000
    with HttpServer("127.0.0.1", 0, lambda request: Response(200, large if request.path == "/x" else b"z")) as server:
        lazy = socket.create_connection(server.address, timeout=60)
        lazy.sendall(get())
        for _ in range(20):
            with socket.create_connection(server.address, timeout=60) as client:
                assert exchange(client, get("/y")).endswith(b"\r\n\r\nz")
        assert lazy.makefile("rb").read().endswith(large)
        lazy.close()


def test_a_client_that_never_takes_its_answer_is_ended_in_time():
    limits = Limits(body_s=0.3)
    with HttpServer("127.0.0.1", 0, lambda _: Response(200, b"y" * 20_000_000), limits) as server:
        lazy = socket.create_connection(server.address, timeout=60)
        lazy.sendall(get())
        until = time.monotonic() + 60
        while not server.connections and time.monotonic() < until:
            time.sleep(0.01)
        while server.connections and time.monotonic() < until:
            time.sleep(0.01)
        assert not server.connections
        lazy.close()


def test_a_chunked_body_may_be_cut_anywhere(connect):
    head = b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    sent = b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: x\r\n\r\n"
    client = connect()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with client.makefile("rb") as file:
        for at in range(1, len(sent)):
            client.sendall(head + sent[:at])
            time.sleep(0.002)
            client.sendall(sent[at:])
            assert read_answers(file, 1) == [b'["POST", "/x", "abcde"]']


def test_bytes_may_come_one_by_one():
    chunked = (
        b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: x\r\n\r\n"
    )
    with HttpServer("127.0.0.1", 0, echo) as server, socket.create_connection(server.address, timeout=60) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in chunked + post(b"fgh"):
            client.sendall(bytes([byte]))
        answer = client.makefile("rb").read()
    assert answer.index(b'"abcde"') < answer.index(b'"fgh"')


def test_a_client_that_has_sent_all_gets_all_its_answers(connect):
    client = connect()
    client.sendall(post(b"one", close=False) + post(b"two", close=False))
    client.shutdown(socket.SHUT_WR)
    answer = client.makefile("rb").read()
    assert answer.count(b"200 OK") == 2


def test_the_end_answers_what_was_read_and_waits_for_its_turn():
    echoes = Echoes()
    server = HttpServer("127.0.0.1", 0, echo, together=echoes)
    clients = [socket.create_connection(server.address, timeout=60) for _ in range(20)]
    for number, client in enumerate(clients):
        client.sendall(together(b"%d" % number))
    echoes.wait_until_read(20)
    end = threading.Thread(target=server.close)
    end.start()
    echoes.gate.set()
    for number, client in enumerate(clients):
        with client, client.makefile("rb") as file:
            assert read_answers(file, 1) == [b"%d" % number]
            assert file.read() == b""
    end.join()


def test_a_taken_port_is_told(server):
    with pytest.raises(UsageError, match="cannot listen on"):
        HttpServer(*server.address, echo)
    with pytest.raises(UsageError, match=r"cannot listen on 127\.0\.0\.1:70000"):
        HttpServer("127.0.0.1", 70000, echo)
