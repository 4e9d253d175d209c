"""Load on a server of this machine: so many clients send the same request one after the other, for so many seconds.

    python benchmarks/load.py rest --port 8501 --path /v1/models/NAME:predict --body FILE --clients 8 --seconds 5

The body is bytes made beforehand and the answer is only looked at for its status, so that the load costs as little as it can
on the cores that it shares with the server. Writes one JSON object. Sends to the loopback address and nowhere else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import grpc.aio

HOST = "127.0.0.1"
MOST_CLIENTS = 256
MOST_REQUESTS = 100_000_000
MOST_ERRORS = 1000
WARM_SECONDS = 0.5
"""Requests of the first moments, when connections are made, are sent but not counted."""

Send = Callable[[], Awaitable[None]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["rest", "grpc"])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True, help="of the URL, or /package.Service/Method")
    parser.add_argument("--body", type=Path, required=True)
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between two requests of a client")
    given = parser.parse_args()
    if not 1 <= given.clients <= MOST_CLIENTS:
        parser.error(f"--clients must be between 1 and {MOST_CLIENTS}")
    print(json.dumps(asyncio.run(_load(given))))


async def _load(given: argparse.Namespace) -> dict[str, object]:
    connect = _rest if given.kind == "rest" else _grpc
    senders = [await connect(given.port, given.path, given.body.read_bytes()) for _ in range(given.clients)]
    counted_from = time.perf_counter() + min(WARM_SECONDS, given.seconds / 4)
    run = Run(counted_from, counted_from + given.seconds, given.pause, MOST_REQUESTS // given.clients)
    await asyncio.gather(*(run.client(send) for send in senders))
    seconds = time.perf_counter() - counted_from
    latencies = sorted(run.latencies)
    return {
        "sent": run.sent,
        "errors": len(run.errors),
        "first_error": run.errors[0] if run.errors else None,
        "per_second": len(latencies) / seconds,
        "p50": latencies[len(latencies) // 2] if latencies else None,
        "p99": latencies[len(latencies) * 99 // 100] if latencies else None,
        "load_cpu": time.process_time(),
    }


@dataclass
class Run:
    """One load: when it counts and ends, and what came of it."""

    counted_from: float
    until: float
    pause: float
    most: int
    sent: int = 0
    latencies: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    async def client(self, send: Send) -> None:
        """Sends one request after the other until the time is over."""
        for _ in range(self.most):
            began = time.perf_counter()
            if began >= self.until:
                return
            self.sent += 1
            try:
                await send()
            except (OSError, EOFError, ValueError, grpc.RpcError) as error:
                self.errors.append(str(error)[:500])
                if len(self.errors) >= MOST_ERRORS:
                    return
                await asyncio.sleep(0.05)
                continue
            if began >= self.counted_from:
                self.latencies.append(time.perf_counter() - began)
            if self.pause:
                await asyncio.sleep(self.pause)


async def _rest(port: int, path: str, body: bytes) -> Send:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    request = head.encode() + body
    reader, writer = await asyncio.open_connection(HOST, port)

    async def send() -> None:
        nonlocal reader, writer
        if writer.is_closing():
            reader, writer = await asyncio.open_connection(HOST, port)
        try:
            writer.write(request)
            answer = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(answer.partition(b"content-length:")[2].partition(b"\r\n")[0])
            text = await reader.readexactly(length)
        except (OSError, EOFError):
            writer.close()
            raise
        if not answer.startswith(b"http/1.1 200"):
            raise ValueError(f"{answer[:20]!r} {text[:400]!r}")

    return send


async def _grpc(port: int, path: str, body: bytes) -> Send:
    options = [("grpc.use_local_subchannel_pool", 1)]  # a connection of its own for each client
    call = grpc.aio.insecure_channel(f"{HOST}:{port}", options).unary_unary(path)

    async def send() -> None:
        await call(body)

    return send


if __name__ == "__main__":
    main()
