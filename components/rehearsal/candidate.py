"""The server process on the candidate: started, waited for, measured, and stopped whatever happens."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stellwerk.components.rehearsal.launching import command
from stellwerk.environment import FRAMEWORKS
from stellwerk.errors import StepFailed
from stellwerk.serving.client.base import Unanswered
from stellwerk.serving.client.rest import RestClient

NAME = "candidate"

HOST = "127.0.0.1"

TF_SERVING = "tensorflow_model_server"

START_SECONDS = 120.0
"""A server that is not ready by then is given up."""

POLL_SECONDS = 0.02

_WORDS = 600


@dataclass(frozen=True)
class Ports:
    """Free ports of this machine."""

    grpc: int
    rest: int


def _embedded(base: Path, ports: Ports) -> list[str]:
    about = ["--name", NAME, "--port", str(ports.grpc), "--rest-port", str(ports.rest)]
    return [sys.executable, "-m", "stellwerk", "serve", str(base), *about]


def _tf_serving(base: Path, ports: Ports) -> list[str]:
    program = shutil.which(TF_SERVING)
    if program is None:
        raise StepFailed(
            f"push.rehearse.server: there is no program '{TF_SERVING}' on the PATH. Install TensorFlow Serving, or take "
            "`server: embedded`, which needs nothing"
        )
    about = [f"--port={ports.grpc}", f"--rest_api_port={ports.rest}", f"--model_name={NAME}"]
    return [program, *about, f"--model_base_path={base.resolve()}"]


SERVERS: dict[str, Callable[[Path, Ports], list[str]]] = {"embedded": _embedded, TF_SERVING: _tf_serving}
"""The command of each server that `push.rehearse.server` may name."""


class NotReady(Exception):
    """The server ended, or took too long, before it answered; the message says why."""


class Candidate:
    """A server of one model on loopback. Use as a context manager: the process ends with the block."""

    def __init__(self, server: str, model: Path, folder: Path) -> None:
        """`folder` takes the server's log, and the folder that the server finds the model in.

        Raises StepFailed when this machine has no such server.
        """
        self._log = folder / "server.log"
        self._base = folder / NAME
        self.ports = _free_ports()
        self._program = SERVERS[server](self._base, self.ports)
        self._model = model
        self._process: subprocess.Popen[Any] | None = None
        self._began = 0.0

    def __enter__(self) -> Candidate:
        self._base.mkdir()
        (self._base / "1").symlink_to(self._model.resolve(), target_is_directory=True)
        environment = {**FRAMEWORKS, **os.environ, "PYTHONUNBUFFERED": "1"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self._began = time.monotonic()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
                command(self._program), env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        return self

    def __exit__(self, *_: object) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()  # it serves nobody else, so nobody waits for it to end well
            process.wait()
        shutil.rmtree(self._base, ignore_errors=True)

    def alive(self, after: float = 0.0) -> bool:
        """Says whether the process still runs; one that is about to end is given `after` seconds."""
        if self._process is None:
            return False
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(after)
        return self._process.returncode is None

    def wait_until_ready(self, limit: float = START_SECONDS) -> float:
        """Returns how many seconds after the start of the process the model was ready to answer.

        Raises NotReady when the process ends first or `limit` seconds have passed.
        """
        while time.monotonic() - self._began < limit:
            if self._is_available():
                return time.monotonic() - self._began
            if not self.alive():
                raise NotReady(f"The server {self.end()}.")
            time.sleep(POLL_SECONDS)
        raise NotReady(f"The server was not ready after {limit:.0f} s{self._last_words()}.")

    def _is_available(self) -> bool:
        with contextlib.closing(RestClient(HOST, self.ports.rest, "", timeout=5)) as client:
            try:
                return b"AVAILABLE" in client.send("GET", f"/v1/models/{NAME}")
            except Unanswered:
                return False

    def peak_memory(self) -> int | None:
        """Returns the most bytes that the process held at once so far; None where the system does not tell."""
        try:
            status = Path(f"/proc/{self._process.pid if self._process else 0}/status").read_text(encoding="ascii")
        except OSError:
            return None
        found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
        return int(found[1]) * 1024 if found else None

    def end(self) -> str:
        """Says how the process ended and what it said last: `ended with exit status 3: ...`."""
        status = self._process.wait() if self._process is not None else 0
        how = f"was killed by signal {-status}" if status < 0 else f"ended with exit status {status}"
        return f"{how}{self._last_words()}"

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        return f" and said last: {said[-1][:_WORDS].rstrip('.')}" if said else " and said nothing"


def _free_ports() -> Ports:
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind((HOST, 0))
        return Ports(one.getsockname()[1], other.getsockname()[1])
