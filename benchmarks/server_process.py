"""Starts a server as a process of its own, waits until it answers, and tells what it takes."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil
from measuring import EXAMPLE, STELLWERK, measure

HOST = "127.0.0.1"
START_SECONDS = 120.0
STOP_SECONDS = 20.0

PORTS = ("--port", "GRPC_PORT", "--rest-port", "REST_PORT")
SERVE = (*STELLWERK, "serve", "--name", "model", *PORTS)
PATHS = {"rest": "/v1/models/model:predict", "grpc": "/tensorflow.serving.PredictionService/Predict"}


@dataclass(frozen=True)
class ServerProcess:
    """A running server and the ports that it was given."""

    process: psutil.Process
    rest_port: int
    grpc_port: int
    start_seconds: float

    @property
    def cpu(self) -> float:
        """CPU time so far, children included, seconds."""
        return sum(times.user + times.system for times in (one.cpu_times() for one in self._tree()))

    @property
    def memory(self) -> int:
        """What the process tree has allocated, bytes; files that it shares with others, as libraries, do not count."""
        return sum(_anonymous(one.pid) for one in self._tree())

    @property
    def threads(self) -> int:
        """Threads of the process tree."""
        return sum(one.num_threads() for one in self._tree())

    @property
    def files(self) -> int:
        """Open files and sockets of the process tree."""
        return sum(one.num_fds() for one in self._tree())

    def _tree(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


def example_model() -> Path:
    """Returns the newest version that the flight-delays example pushed; runs the example where there is none."""
    base = EXAMPLE / "models" / "flight-delays"
    if not base.exists():
        if not (EXAMPLE / "data").exists():
            measure([sys.executable, str(EXAMPLE / "fetch.py")], EXAMPLE)
        measure([*STELLWERK, "run", "pipeline.yaml"], EXAMPLE)
    return max((item for item in base.iterdir() if item.name.isdecimal()), key=lambda item: int(item.name))


@dataclass(frozen=True)
class Target:
    """Where load goes: `rest` or `grpc`, the port, the path or method, and the file with the body of a request."""

    kind: str
    port: int
    path: str
    body: Path


def load(target: Target, clients: int, seconds: float, pause: float = 0.0, *, refused: bool = False) -> dict[str, Any]:
    """Sends load from a process of its own; returns what `load.py` prints.

    Raises RuntimeError when requests failed, or with `refused` when they did not.
    """
    script = str(Path(__file__).parent / "load.py")
    where = ["--port", str(target.port), "--path", target.path, "--body", str(target.body)]
    how = ["--clients", str(clients), "--seconds", str(seconds), "--pause", str(pause)]
    command = [sys.executable, script, target.kind, *where, *how]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds + 60)
    found: dict[str, Any] = json.loads(done.stdout)
    if found["errors"] != (found["sent"] if refused else 0):
        raise RuntimeError(f"{found['errors']} of {found['sent']} requests failed: {found['first_error']}")
    return found


@contextlib.contextmanager
def running(command: Sequence[str]) -> Iterator[ServerProcess]:
    """Starts `command`, in which REST_PORT and GRPC_PORT stand for free ports, and ends it with the block."""
    ports = {"REST_PORT": str(free_port()), "GRPC_PORT": str(free_port())}
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [ports.get(word, word) for word in command],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
        try:
            for port in ports.values():
                _wait(process, int(port), began, log)
            numbers = (int(port) for port in ports.values())
            yield ServerProcess(psutil.Process(process.pid), *numbers, time.monotonic() - began)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _anonymous(pid: int) -> int:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return next(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Anonymous:"))


def free_port() -> int:
    """Returns a port of the loopback address that nobody listens on; Linux hands out none of these for connections."""
    while True:
        port = random.randrange(20_000, 32_768)
        with contextlib.suppress(OSError), socket.create_server((HOST, port)):
            return port


def _wait(process: subprocess.Popen[bytes], port: int, began: float, log: IO[str]) -> None:
    while time.monotonic() < began + START_SECONDS:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), 1):
            return
        time.sleep(0.05)
    log.seek(0)
    raise RuntimeError(f"the server does not answer:\n{log.read()[-4000:]}")
