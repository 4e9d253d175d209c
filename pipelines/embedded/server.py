"""The warm process: loads the frameworks once, then forks one child for every step.

Importing TensorFlow, Beam and the TFX libraries costs seconds; a fork of a process that has them costs milliseconds.
The server talks JSON over a socket pair with the runner that started it, and dies with it:

    → {"preload": ["module", ...]}          load these when there is nothing else to do
    → {"call": "call.json", "log": "log.txt", "name": "train"}   with a pipe: run this step, tell events into the pipe
    ← {"ended": "train", "status": 0}       the child's exit status, negative for a signal
    pipe ← {"progress": [done, total, unit]} | {"done": {...}} | {"error": {...}}
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import Any

PROGRESS_SECONDS = 0.1
MESSAGE_BYTES = 1 << 16


class Server:
    """Serves one runner until its end of the socket closes."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._modules: list[str] = []
        self._children: dict[int, str] = {}
        self._wake, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> None:
        """Handles requests; while there is none, loads the next module that was asked for."""
        watched: list[socket.socket | int] = [self._control, self._wake]
        while True:
            ready, _, _ = select.select(watched, [], [], 0 if self._modules else None)
            if self._wake in ready:
                os.read(self._wake, 4096)
                self._reap()
            if self._control in ready:
                message, descriptors, _, _ = socket.recv_fds(self._control, MESSAGE_BYTES, 1)
                if not message:
                    self._kill_children()
                    return
                self._handle(json.loads(message), descriptors)
            elif self._modules:
                _load(self._modules.pop(0))

    def _handle(self, request: dict[str, Any], descriptors: list[int]) -> None:
        if "preload" in request:
            self._modules += request["preload"]
            return
        (events,) = descriptors
        child = os.fork()
        if child == 0:
            self._control.close()
            _run_child(request, events)
        os.close(events)
        self._children[child] = request["name"]

    def _reap(self) -> None:
        for child, name in list(self._children.items()):
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                del self._children[child]
                reply = {"ended": name, "status": os.waitstatus_to_exitcode(status)}
                with contextlib.suppress(OSError):
                    self._control.send(json.dumps(reply).encode())

    def _kill_children(self) -> None:
        for child in self._children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


def _load(module: str) -> None:
    """Imports a module ahead of time; a failure is told by the step that needs it, not here."""
    with contextlib.suppress(Exception):
        importlib.import_module(module)


def _run_child(request: dict[str, Any], events: int) -> None:
    """Runs one step in the forked child and leaves the process; never returns."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    _die_with_parent()
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(log, stream)
    tell = _Events(events)
    status = 1
    try:
        status = _run_step(request, tell)
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _run_step(request: dict[str, Any], tell: _Events) -> int:
    from stellwerk.components.calling import call  # noqa: PLC0415 - the server starts before anything is loaded
    from stellwerk.errors import StellwerkError, sentence  # noqa: PLC0415

    try:
        arguments = json.loads(Path(request["call"]).read_text(encoding="utf-8"))
        call(request["name"], {**arguments, "progress": tell.progress})
    except StellwerkError as error:
        traceback.print_exc()
        tell.send({"error": {"type": type(error).__name__, "message": str(error), "exit_code": error.exit_code}})
        return 1
    except BaseException as error:
        traceback.print_exc()
        tell.send({"error": {"type": "StepFailed", "message": sentence(error), "exit_code": 3}})
        return 1
    used = resource.getrusage(resource.RUSAGE_SELF)
    tell.finish()
    tell.send({"done": {"peak_memory": used.ru_maxrss * 1024, "cpu_seconds": used.ru_utime + used.ru_stime}})
    return 0


class _Events:
    """Tells the runner what happens; progress is sent at most ten times a second."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._last = 0.0
        self._pending: list[Any] | None = None

    def send(self, event: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError):
            os.write(self._pipe, json.dumps(event).encode() + b"\n")

    def progress(self, done: int, total: int | None = None, unit: str = "rows") -> None:
        self._pending = [done, total, unit]
        if time.monotonic() - self._last >= PROGRESS_SECONDS:
            self.finish()

    def finish(self) -> None:
        """Sends the progress that was held back."""
        if self._pending is not None:
            self.send({"progress": self._pending})
            self._last, self._pending = time.monotonic(), None


def _die_with_parent() -> None:
    """Asks the kernel to kill this process when the one that started it dies (Linux); elsewhere does nothing."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


if __name__ == "__main__":
    _die_with_parent()  # the end of the socket tells it too, but not while an import is under way
    Server(socket.socket(fileno=int(sys.argv[1]))).serve()
