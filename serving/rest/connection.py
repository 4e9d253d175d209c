"""One client of the REST API. httptools (the parser of Node.js) reads its requests, uvloop its socket; here is what it may take.

Requests of a client are answered one after the other. What a turn reads of one client is bounded, so that no client holds up the
others by what it sends: a few bytes can be many chunks.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import deque
from typing import cast

import httptools

from stellwerk.serving.rest.bodies import Incoming
from stellwerk.serving.rest.host import Host, Phase
from stellwerk.serving.rest.messages import HEAD_BYTES, Head, HttpRefused, Request, Response

_LOG = logging.getLogger(__name__)

_TURN_BYTES = 16 * 1024
"""So much of one client is read in one turn."""

_MOST_WAITING = 16
"""More requests than this behind the one at work are not read on."""

_FAILED = "The server could not answer this request; its log says why."


class Connection(asyncio.Protocol):
    """One client. All of it happens on the event loop."""

    def __init__(self, host: Host, accepted: socket.socket, tls: bool) -> None:
        self.socket = accepted
        self.handshake: asyncio.Task[None] | None = None
        self.phase = Phase.HANDSHAKE if tls else Phase.IDLE
        self.since = self.heard_at = time.monotonic()
        self._host, self._tls = host, tls
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._head: Head | None = None
        self._head_bytes = 0
        """What came beside bodies since the last head."""
        self._incoming: Incoming | None = None
        self._waiting: deque[tuple[Request | Response, Incoming | None, bool]] = deque()
        self._at_work: asyncio.Future[Response] | None = None
        self._unread = b""
        self._soon = False
        self._ended = self._refused = self._write_paused = False

    def enter(self, phase: Phase) -> None:
        """Begins to wait for something else."""
        self.phase = phase
        self.since = time.monotonic()

    # What the loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins, after the handshake where there is one."""
        self._transport = cast(asyncio.Transport, transport)
        self.enter(Phase.IDLE)

    def connection_lost(self, _: BaseException | None) -> None:
        """Gives everything back."""
        self._transport = None
        self._host.leave(self)
        self._forget()

    def data_received(self, data: bytes) -> None:
        """Reads what came, but for what a refused client still sends."""
        if self._refused:
            return
        if self._unread or len(data) > _TURN_BYTES:
            self._unread += data
            if not self._soon:
                self._read_on()
        else:
            self._feed(data)

    def eof_received(self) -> bool:
        """Keeps the connection open for the answers to what was sent before."""
        self._ended = True
        if not self._unread:
            self._end_early()
        return not self._tls and self.phase not in (Phase.IDLE, Phase.HEAD, Phase.DRAIN)

    def _end_early(self) -> None:
        """Ends a client that sends no more, and has not sent a whole request."""
        if self.phase is Phase.BODY:
            self.refuse(HttpRefused(400, "The request ended before all of its body had come."))
        elif self.phase in (Phase.IDLE, Phase.HEAD) and self._transport is not None:
            self._transport.close()

    def pause_writing(self) -> None:
        """Notes that the client takes its answer slowly."""
        self._write_paused = True

    def resume_writing(self) -> None:
        """Goes on once it has taken it."""
        self._write_paused = False
        if self.phase is Phase.SEND:
            self._next()

    def _feed(self, data: bytes) -> None:
        if self.phase is Phase.IDLE:
            self.enter(Phase.HEAD)
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
            if self._head_bytes > HEAD_BYTES:
                raise HttpRefused(431, f"The head of the request, or its trailers, are longer than {HEAD_BYTES} bytes.")
        except HttpRefused as refused:
            self.refuse(refused)
        except httptools.HttpParserCallbackError as error:
            self._failed(error.__context__)
        except httptools.HttpParserUpgrade:
            self._refused = True  # answered as if it had asked for nothing else, and the last of this connection
        except httptools.HttpParserError as error:
            self.refuse(HttpRefused(400, f"This is not an HTTP/1.1 request: {error!s:.200}"))
        if self.phase is Phase.HEAD and self._incoming is not None:
            self.enter(Phase.BODY)

    def _failed(self, error: BaseException | None) -> None:
        if isinstance(error, HttpRefused):
            self.refuse(error)
        else:
            _LOG.error("a request failed while it was read", exc_info=error)
            self.refuse(HttpRefused(500, _FAILED))

    def _read_on(self) -> None:
        """Reads a turn's share of what came, and has the rest wait for the next turn, and for its answers."""
        self._soon = False
        if self._transport is None or self._refused:
            self._unread = b""
            return
        if len(self._waiting) < _MOST_WAITING:
            data, self._unread = self._unread[:_TURN_BYTES], self._unread[_TURN_BYTES:]
            self._feed(data)
        if self._unread and not self._refused:
            self._transport.pause_reading()
            self._read_on_soon()
        elif not self._refused:
            self._transport.resume_reading()
            if self._ended:
                self._end_early()

    def _read_on_soon(self) -> None:
        """Has the next turn of the loop read on, once, where there is something to read and not too much to answer."""
        if self._unread and not self._soon and len(self._waiting) < _MOST_WAITING:
            self._soon = True
            asyncio.get_running_loop().call_soon(self._read_on)

    # What the parser tells, by httptools' names.

    def on_message_begin(self) -> None:
        """Begins a request."""
        self._head = Head()

    def on_url(self, url: bytes) -> None:
        """Takes a part of the address."""
        assert self._head is not None  # noqa: S101 - a request has begun
        self._head.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Takes a header; trailers are read and left."""
        if self._head is not None:
            self._head.add(name, value)

    def on_headers_complete(self) -> None:
        """Decides what becomes of the request, before any of its body is kept."""
        assert self._head is not None  # noqa: S101 - a request has begun
        parser, host = self._parser, self._host
        head, self._head, self._head_bytes = self._head, None, 0
        request = head.request(parser.get_method().decode("ascii"))
        length = head.length(host.limits.body_bytes)
        self._incoming = Incoming(request, host, parser.get_http_version() == "1.1" and parser.should_keep_alive())
        self.heard_at = time.monotonic()
        response = host.at_head(request)
        if response is not None:
            self._incoming.response = response
            if length < 0 or length > _TURN_BYTES or head.expects:  # not worth reading away
                self._waiting.append((response, None, True))
                self._refused = True
                self._go_on()
        elif head.expects and length and not self._waiting and self._at_work is None and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Takes a part of the body."""
        if self._incoming is not None and not self._refused:
            self._head_bytes = 0
            self._incoming.take(body)
            self.heard_at = time.monotonic()

    def on_message_complete(self) -> None:
        """Has the request answered, after those before it."""
        incoming, self._incoming, self._head_bytes = self._incoming, None, 0
        if incoming is not None and not self._refused:
            self._waiting.append((incoming.response or incoming.whole(), incoming, not incoming.keep_alive))
            self._refused = not incoming.keep_alive
            self._go_on()

    # Answers, one after the other.

    def _go_on(self) -> None:
        if self._at_work is None and self.phase not in (Phase.SEND, Phase.DRAIN):
            self._next()

    def _next(self) -> None:
        """Begins the next request; without one, waits for the client."""
        if not self._waiting:
            between = Phase.HEAD if self._head is not None else Phase.IDLE
            self.enter(Phase.BODY if self._incoming is not None else between)
            if self._ended and not self._unread:
                self._end_early()
        else:
            what, incoming, close = self._waiting.popleft()
            if isinstance(what, Response):
                self._send(what, close, False)
            else:
                self.enter(Phase.WORK)
                self._at_work = self._host.begin(what)
                self._at_work.add_done_callback(lambda done: self._answered(done, what, incoming, close))
        self._read_on_soon()

    def _answered(
        self, done: asyncio.Future[Response], request: Request, incoming: Incoming | None, close: bool
    ) -> None:
        if incoming is not None:
            incoming.give_back()
        if done is self._at_work:
            self._at_work = None
            self._send(done.result(), close, request.method == "HEAD")

    def _send(self, response: Response, close: bool, head_only: bool) -> None:
        if self._transport is None:
            return
        close = close or self._host.leaving
        self.enter(Phase.SEND)
        self._transport.write(response.encoded(close, head_only))
        if close:
            self._drain()
        elif not self._write_paused:
            self._next()

    def _drain(self) -> None:
        """Ends after an answer: at once where the client has sent all, else once it has seen it."""
        self._forget()
        self._refused = True
        self.enter(Phase.DRAIN)
        if self._transport is None:
            return
        if self._ended or self._tls:
            self._transport.close()
        elif self._transport.can_write_eof():
            self._transport.write_eof()

    def _forget(self) -> None:
        self._waiting, waiting = deque(), self._waiting
        for one in [self._incoming, *(incoming for _, incoming, _ in waiting)]:
            if one is not None:
                one.give_back()
        self._incoming, self._unread = None, b""

    # What ends it.

    def refuse(self, refused: HttpRefused) -> None:
        """Ends the reading; the client is told why, after the answers to what it sent before."""
        if self._refused:
            return
        self._refused = True
        if self._incoming is not None:
            self._incoming.give_back()
            self._incoming = None
        self._waiting.append((Response.error(refused.status, str(refused)), None, True))
        self._go_on()

    def end_work(self, response: Response) -> None:
        """Answers in the place of who answers too late."""
        self._at_work = None
        self._send(response, True, False)

    def tell_and_end(self, response: Response) -> None:
        """Answers a client for which there is no place, and ends."""
        if self._transport is not None:
            self._transport.write(response.encoded(True))
            self._transport.close()

    def drop(self) -> None:
        """Ends at once, and gives the place back."""
        self._host.leave(self)
        if self.handshake is not None:
            self.handshake.cancel()
        if self._transport is None:
            self.socket.close()
        else:
            self._transport.abort()
