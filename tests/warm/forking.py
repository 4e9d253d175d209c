"""Forks a process for whoever asks: one that has loaded what the command line and the steps of a run import.

Run by `asking.py`, with the number of a listening socket. A caller connects and sends what is to run, as JSON, with the files that
are to be its standard streams and others that it is to have; it is told `{"pid": ...}` and, at the end, `{"status": ...}`.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import asking

from stellwerk.components.conversion import converting
from stellwerk.environment import load, prepare
from stellwerk.machine import die_with_parent
from stellwerk.pipelines.embedded import server, workers
from stellwerk.steps import STEPS

FILES = 8
WITH_FRAMEWORKS = ("run", "serve", "predict", "server", "python")
WITH_KFP = ("compile", "submit", "schedule", "components", "cluster")


def _light() -> list[str]:
    """Returns what every command may load: it knows no framework."""
    found = ["stellwerk.__main__", "stellwerk.components.calling"]
    for package in ("stellwerk.pipelines", "stellwerk.report"):
        inside = pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}.")
        found += [module.name for module in inside if not {"kubeflow", "docker"} & set(module.name.split("."))]
    return found


def _frameworks() -> list[str]:
    return ["tensorflow", *(step.work for step in STEPS.values()), "stellwerk.serving.server"]


class Forking:
    """Serves callers until the process that started it ends."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._callers: dict[int, socket.socket] = {}
        self._wake, self._wakes = os.pipe()
        os.set_blocking(self._wakes, False)
        signal.set_wakeup_fd(self._wakes, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._address = listening.getsockname()
        converting.run_converter = asking.converting(self._address)
        _load(_light())

    def serve(self) -> Callable[[], object]:
        """Forks for callers. In each child it returns what that has to do."""
        while True:
            ready, _, _ = select.select([self._listening, self._wake], [], [])
            if self._wake in ready:
                os.read(self._wake, 4096)
                self._reap()
            if self._listening in ready and (to_do := self._answered()) is not None:
                return to_do

    def _answered(self) -> Callable[[], object] | None:
        caller, _ = self._listening.accept()
        message, files, _, _ = socket.recv_fds(caller, asking.MESSAGE_BYTES, FILES)
        if not message:
            caller.close()
            return None
        request = json.loads(message)
        _get_ready(request["arguments"])
        child = _fork()
        if child == 0:
            caller.close()
            self._let_go()
            workers.start_server = asking.through(self._address)
            return _become(request, files)
        caller.send(json.dumps({"pid": child}).encode())
        self._callers[child] = caller
        for file in files:
            os.close(file)
        return None

    def _reap(self) -> None:
        for child, caller in list(self._callers.items()):
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                del self._callers[child]
                with contextlib.suppress(OSError):  # it does not wait any more
                    caller.send(json.dumps({"status": os.waitstatus_to_exitcode(status)}).encode())
                caller.close()

    def _let_go(self) -> None:
        """Lets a child forget what belongs to this process: its callers and its signals."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for mine in (self._listening, *self._callers.values()):
            mine.close()
        os.close(self._wake)
        os.close(self._wakes)


def _load(modules: Sequence[str]) -> None:
    for module in modules:
        if module not in sys.modules:
            load(module)


def _get_ready(command: Sequence[str]) -> None:
    """Loads what a command needs, once for all that come."""
    if set(command[:1]) & set(WITH_FRAMEWORKS):
        _load(_frameworks())
    if set(command[:1]) & set(WITH_KFP) or "kfp.dsl.executor_main" in command:
        _load(["stellwerk.pipelines.kubeflow.compilation"])


def _fork() -> int:
    gc.freeze()
    with warnings.catch_warnings():  # Python 3.13 warns of libraries' threads, which do nothing yet
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _become(request: dict[str, Any], files: list[int]) -> Callable[[], object]:
    """Makes this process what its caller would have started, and returns what it has to do."""
    die_with_parent()
    if request["session"]:
        os.setsid()
    for stream, file in enumerate(files[:3]):
        os.dup2(file, stream)
        os.close(file)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    time.tzset()
    tempfile.tempdir = None
    command, *arguments = request["arguments"] or [""]
    if command == "server":
        return lambda: server.main(files[3:])
    if command == "python":
        return _program(arguments)
    workers.start_server = _fork_server
    sys.argv = ["stellwerk", *request["arguments"]]
    return importlib.import_module("stellwerk.__main__").main


def _program(arguments: list[str]) -> Callable[[], object]:
    """Runs a file, the module behind `-m`, or the code behind `-c`, as Python does."""
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        sys.path[0] = str(Path.cwd())
        return lambda: runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    if arguments[0] != "-c":
        sys.argv = arguments
        sys.path[0] = str(Path(arguments[0]).parent)
        return lambda: runpy.run_path(arguments[0], run_name="__main__")
    _, code, *more = arguments
    sys.argv = ["-c", *more]
    sys.path[0] = ""
    return lambda: exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})


def _leave(to_do: Callable[[], object]) -> NoReturn:
    """Does what a child has to do and ends it as Python would, without taking down all that is loaded."""
    status: Any = 1
    try:
        to_do()
        status = 0
    except SystemExit as left:
        status = left.code or 0
    except BaseException:
        traceback.print_exc()
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    if not isinstance(status, int):
        sys.stderr.write(f"{status}\n")
        status = 1
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(status)


class _Forked:
    """The server of a run's steps, as a child of its runner."""

    def __init__(self, pid: int) -> None:
        self.pid, self.returncode = pid, None

    def wait(self, timeout: float | None = None) -> None:
        if self.returncode is not None:
            return
        opened = os.pidfd_open(self.pid)
        ready, _, _ = select.select([opened], [], [], timeout)
        os.close(opened)
        if not ready:
            raise asking.subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def _fork_server(lines: Sequence[int]) -> _Forked:
    """Starts the server of a run's steps in place of `workers.start_server`, from a command line that has no threads yet."""
    child = _fork()
    if child == 0:
        _serve_steps(lines)
    return _Forked(child)


def _serve_steps(lines: Sequence[int]) -> NoReturn:
    try:
        os.setsid()
        for stream in range(3):
            os.dup2(os.open(os.devnull, os.O_RDWR), stream)
        first, second = sorted(lines)
        for start, end in ((3, first), (first + 1, second), (second + 1, 4096)):
            os.closerange(start, end)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        os.environ.update({**workers.WORKER, **os.environ})
        server.main(lines)
    finally:
        os._exit(1)


if __name__ == "__main__":
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prepare()
    _leave(Forking(socket.socket(fileno=int(sys.argv[1]))).serve())
