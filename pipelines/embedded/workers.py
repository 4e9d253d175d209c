"""The runner's end of the warm process: starts steps, hears what they tell, stops them."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stellwerk.environment import FRAMEWORKS
from stellwerk.errors import StepFailed
from stellwerk.pipelines.embedded.server import WITHOUT
from stellwerk.showing import without_queries

WORKER = {**FRAMEWORKS, "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1"}
"""Environment of the steps: frameworks keep quiet, sets have the same order in every run."""


PATIENCE_SECONDS = 2.0
"""How long the warm process may take to end by itself, before it and all its children are killed."""


@dataclass(frozen=True)
class Event:
    """Something that a step told: `began`, `progress`, `done`, `error`, or `died` (the exit status, negative for a signal)."""

    step: str
    kind: str
    value: Any


@dataclass
class _Running:
    pipe: int
    buffer: bytes = b""
    finished: bool = False
    closed: bool = False
    status: int | None = field(default=None)


def start_server(lines: Sequence[int]) -> subprocess.Popen[bytes]:
    """Starts the warm process in a session of its own; it inherits the sockets of its two lines and nothing else."""
    environment = {**WORKER, **os.environ}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-m", "stellwerk.pipelines.embedded.server", *map(str, lines)]
    return subprocess.Popen(  # noqa: S603 - our own module, no shell
        command,
        env=environment,
        pass_fds=lines,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


class Workers:
    """Runs steps in children of a warm process. Use as a context manager: nothing outlives the block."""

    def __init__(self) -> None:
        self._small, small = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._frameworks, frameworks = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._server = start_server([small.fileno(), frameworks.fileno()])
        self._selector = selectors.DefaultSelector()
        for ours, given in ((self._small, small), (self._frameworks, frameworks)):
            given.close()
            self._selector.register(ours, selectors.EVENT_READ, ours)
        self._running: dict[str, _Running] = {}
        self._began = False

    @property
    def pid(self) -> int:
        """Process id of the warm process."""
        return self._server.pid

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def load_frameworks(self) -> None:
        """Has the frameworks loaded before it is known which steps will run."""
        self._frameworks.send(json.dumps({"preload": []}).encode())

    def preload(self, steps: Sequence[str]) -> None:
        """Asks the warm process to get ready for steps, in this order, while it has nothing else to do."""
        for control in (self._small, self._frameworks):
            named = [step for step in steps if self._control(step) is control]
            if named:
                control.send(json.dumps({"preload": named}).encode())

    def start(
        self,
        step: str,
        call: Path,
        log: Path,
        arguments: Mapping[str, Any],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Starts a step; its output goes to `log`, `environment` is added to its own.

        Its arguments are kept in the file `call`, as they are shown to people. The step reads them from a file without a name, with
        what a URL is signed with.
        """
        self._began = True
        call.parent.mkdir(parents=True, exist_ok=True)
        told = json.dumps(arguments, indent=1, sort_keys=True)
        call.write_text(without_queries(told), encoding="utf-8")
        ours, theirs = os.pipe()
        request = {"name": step, "log": str(log), "environment": dict(environment or {})}
        with tempfile.TemporaryFile("w", encoding="utf-8") as given:
            given.write(told)
            given.flush()
            socket.send_fds(self._control(step), [json.dumps(request).encode()], [theirs, given.fileno()])
        os.close(theirs)
        self._running[step] = _Running(ours)
        self._selector.register(ours, selectors.EVENT_READ, step)

    def wait(self, seconds: float) -> Iterator[Event]:
        """Yields what the steps told; returns after `seconds` when they told nothing."""
        for key, _ in self._selector.select(seconds):
            if isinstance(key.data, socket.socket):
                self._hear_server(key.data)
            else:
                yield from self._hear_step(key.data)
        yield from self._deaths()

    def _control(self, step: str) -> socket.socket:
        """Returns the line to the process that runs a step."""
        return self._small if step in WITHOUT else self._frameworks

    def _hear_server(self, control: socket.socket) -> None:
        message = control.recv(1 << 16)
        if not message:
            raise StepFailed(
                "the worker process ended unexpectedly. Was it killed, or did the machine run out of memory? "
                "Run again to continue where it stopped."
            )
        ended = json.loads(message)
        if ended["ended"] in self._running:
            self._running[ended["ended"]].status = ended["status"]

    def _hear_step(self, step: str) -> Iterator[Event]:
        running = self._running[step]
        chunk = os.read(running.pipe, 1 << 16)
        if not chunk:
            self._selector.unregister(running.pipe)
            os.close(running.pipe)
            running.closed = True
            if running.finished:
                del self._running[step]
            return
        *lines, running.buffer = (running.buffer + chunk).split(b"\n")
        for line in lines:
            ((kind, value),) = json.loads(line).items()
            running.finished = running.finished or kind in ("done", "error")
            yield Event(step, kind, value)

    def _deaths(self) -> Iterator[Event]:
        """Steps that ended without a last word: killed by a signal, or crashed in native code."""
        for step, running in list(self._running.items()):
            if running.closed and not running.finished and running.status is not None:
                del self._running[step]
                yield Event(step, "died", running.status)

    def stop(self) -> None:
        """Ends the warm process and every step with it; they have ended when it returns. Once is enough, twice does no harm."""
        if self._server.returncode is not None:
            return
        self._small.close()
        self._frameworks.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._server.wait(
                PATIENCE_SECONDS if self._began else 0
            )  # without a step there is nothing to end but imports
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._server.pid, signal.SIGKILL)
        self._server.wait()
        for running in self._running.values():
            if not running.closed:
                os.close(running.pipe)
        self._selector.close()
