"""The warm process: loads TensorFlow once, then forks one child for every step.

Importing TensorFlow, Beam and the TFX libraries costs seconds; a fork of a process that has them costs milliseconds. What all
steps share is loaded here; what a step alone needs is loaded ahead of time in its own child, and its memory is gone when the
step has ended. No more children wait than there are cores.

It is two processes: one that stays small runs the steps of `WITHOUT`, and forks the other, which loads TensorFlow, when a step
is named that needs it. So data are read while TensorFlow is loaded, and a run that finds everything unchanged never loads it.
Each talks JSON over a socket pair of its own with the runner that started them, and dies with it:

    → {"preload": ["train", ...]}           get ready for these steps when there is nothing else to do
    → {"name": "train", "log": "log.txt", "environment": {}}   with a pipe and a file: run this step, tell events into the one, its
                                            arguments are in the other
    ← {"ended": "train", "status": 0}       the child's exit status, negative for a signal
    pipe ← {"began": {}} | {"progress": [done, total, unit]} | {"done": {...}} | {"error": {...}}
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

from stellwerk.environment import load
from stellwerk.machine import available_cores, die_with_parent
from stellwerk.steps import DECLARED, STEPS

PROGRESS_SECONDS = 0.1
MESSAGE_BYTES = 1 << 16
READY = b"ready"

PATIENCE_SECONDS = 0.5
"""How long the second process may take to end its children and itself: while it loads TensorFlow it has none, and hears nothing."""

FIRST = ("stellwerk.components.calling", "stellwerk.spec")
"""What every step needs, and what is small."""

SHARED = "tensorflow"
"""What every step needs but those of `WITHOUT`; it is most of what is to be loaded."""

WITHOUT = frozenset(step.name for step in DECLARED if not step.tensorflow)
"""Steps that load no framework: they wait for none. A runner names the others to the second process."""


class Server:
    """Serves one runner until its end of the socket closes."""

    def __init__(self, control: socket.socket, frameworks: socket.socket) -> None:
        gc.disable()  # until a step begins: what is loaded stays
        self._modules = list(FIRST)
        self._frameworks: socket.socket | None = frameworks
        self._take(control)

    def _take(self, control: socket.socket) -> None:
        """Begins to serve on a socket, with no child yet."""
        self._control = control
        self._steps: list[str] = []
        self._prepared: dict[str, _Prepared] = {}
        self._called: list[_Prepared] = []
        self._children: dict[int, str | None] = {}
        self._cores = available_cores()
        self._wake, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> None:
        """Handles requests; while there is none, gets ready for the next step that was named."""
        while True:
            loading = {child.line: child for child in self._prepared.values() if not child.ready}
            to_do = bool(self._modules or (self._steps and len(self._prepared) < self._cores))
            watched: list[socket.socket | int] = [self._control, self._wake, *loading]
            watched += [self._frameworks] if self._frameworks else []
            ready, _, _ = select.select(watched, [], [], 0 if to_do else None)
            if self._wake in ready:
                os.read(self._wake, 4096)
                self._reap()
            for line, child in loading.items():
                if line in ready:
                    child.hear()
            if self._frameworks in ready:
                self._split()
            elif self._control in ready:
                message, descriptors = self._received()
                if not message:
                    self._kill_children()
                    return
                self._handle(json.loads(message), descriptors)
            elif self._modules:
                _load(self._modules.pop(0))
            elif to_do:
                self._prepare(self._steps.pop(0))

    def _received(self) -> tuple[bytes, list[int]]:
        """Takes a request; nothing when the runner has gone."""
        try:
            message, descriptors, _, _ = socket.recv_fds(self._control, MESSAGE_BYTES, 2)
        except ConnectionResetError:  # it went without having read all that it was told
            return b"", []
        return message, descriptors

    def _handle(self, request: dict[str, Any], descriptors: list[int]) -> None:
        if "preload" in request:
            self._steps += request["preload"]
            return
        events, given = descriptors
        name = request["name"]
        self._steps = [step for step in self._steps if step != name]
        prepared = self._prepared.pop(name, None)
        if prepared is not None and prepared.call(request, descriptors):
            self._called.append(prepared)  # its line stays open, or it would take back a call not yet heard
        else:
            child = _fork()
            if child == 0:
                self._become_child()
                _load_step(name)
                _run_child(request, events, given)
            self._children[child] = name
        os.close(events)
        os.close(given)

    def _split(self) -> None:
        """Forks the process that loads TensorFlow; what its runner has to say waits for it in the socket."""
        if self._frameworks is None:
            return
        frameworks, self._frameworks = self._frameworks, None
        child = _fork()
        if child == 0:
            self._become_child()
            self._modules.append(SHARED)
            self._take(frameworks)
            return
        frameworks.close()
        self._children[child] = None

    def _prepare(self, step: str) -> None:
        """Forks the child that will run a step: it loads what the step needs and waits for its call."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        child = _fork()
        if child == 0:
            self._become_child()
            ours.close()
            _wait_prepared(step, theirs)
        theirs.close()
        self._prepared[step] = _Prepared(ours)
        self._children[child] = step

    def _become_child(self) -> None:
        """Lets go of what belongs to the server: its runner, its other children, its signals."""
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        die_with_parent()
        self._control.close()
        if self._frameworks is not None:
            self._frameworks.close()
        for prepared in (*self._prepared.values(), *self._called):
            prepared.line.close()

    def _reap(self) -> None:
        for child, name in list(self._children.items()):
            ended, status = os.waitpid(child, os.WNOHANG)
            if not ended:
                continue
            del self._children[child]
            if name is None:
                continue  # the other process: its runner sees its socket close
            if self._prepared.pop(name, None) is not None:
                continue  # killed before its step was called: nobody waits for it, and a call forks another
            reply = {"ended": name, "status": os.waitstatus_to_exitcode(status)}
            with contextlib.suppress(OSError):
                self._control.send(json.dumps(reply).encode())

    def _kill_children(self) -> None:
        """Ends every child, and returns when they have ended; so what they used counts as used by this process.

        The other process ends its own children first, and is killed where it does not come to that.
        """
        for child, name in self._children.items():
            if name is not None or not _has_ended(child, PATIENCE_SECONDS):
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)


class _Prepared:
    """The server's end of a child that is loading, or waits for the call of its step."""

    def __init__(self, line: socket.socket) -> None:
        self.line = line
        self.ready = False

    def hear(self) -> None:
        """Takes the child's word that it has loaded; also its end, which is told apart when it is reaped."""
        self.ready = self.line.recv(len(READY)) in (READY, b"")

    def call(self, request: dict[str, Any], descriptors: list[int]) -> bool:
        """Gives the child its call; False where it has died."""
        with contextlib.suppress(OSError):
            socket.send_fds(self.line, [json.dumps(request).encode()], descriptors)
            return True
        return False


def _has_ended(child: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


def _fork() -> int:
    """Forks; the collector leaves alone what was loaded, so that its memory stays shared and no step is held up by a look at it."""
    gc.freeze()
    return os.fork()


def _load(module: str) -> None:
    """Imports a module ahead of time; a failure is told by the step that needs it, not here."""
    with contextlib.suppress(Exception):
        load(module)


def _load_step(step: str) -> None:
    """Imports the work of a step and what it needs."""
    _load(STEPS[step].work)
    gc.freeze()
    gc.enable()


def _wait_prepared(step: str, line: socket.socket) -> None:
    """Loads what a step needs, waits for its call and runs it; never returns."""
    _load_step(step)
    with contextlib.suppress(OSError):  # the server is gone
        line.send(READY)
        message, descriptors, _, _ = socket.recv_fds(line, MESSAGE_BYTES, 2)
        if message:
            line.close()
            _run_child(json.loads(message), *descriptors)
    os._exit(0)


def _run_child(request: dict[str, Any], events: int, given: int) -> None:
    """Runs one step in this child and leaves the process; never returns."""
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.environ.update(request["environment"])
    tell = _Events(events)
    status = 1
    try:
        tell.send({"began": {}})
        status = _run_step(request["name"], given, tell)
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _run_step(name: str, given: int, tell: _Events) -> int:
    from stellwerk.components.calling import call  # noqa: PLC0415 - the server starts before anything is loaded
    from stellwerk.components.step_events import heard  # noqa: PLC0415
    from stellwerk.errors import StellwerkError, sentence  # noqa: PLC0415
    from stellwerk.showing import without_queries  # noqa: PLC0415

    def failed(error: StellwerkError) -> None:
        tell.send({"error": {"type": type(error).__name__, "message": str(error), "exit_code": error.exit_code}})

    before = resource.getrusage(resource.RUSAGE_SELF)
    try:
        with open(given, encoding="utf-8") as file:
            file.seek(0)  # where it was written to an end
            arguments = json.load(file)
        with heard(failed):
            call(name, {**arguments, "progress": tell.progress})
    except BaseException as error:
        sys.stderr.write(without_queries(traceback.format_exc()))
        if isinstance(error, StellwerkError):
            failed(error)
        else:
            tell.send({"error": {"type": "StepFailed", "message": sentence(error), "exit_code": 3}})
        return 1
    used = resource.getrusage(resource.RUSAGE_SELF)
    tell.finish()
    tell.send({"done": {"peak_memory": used.ru_maxrss * 1024, "cpu_seconds": _cpu(used) - _cpu(before)}})
    return 0


def _cpu(used: resource.struct_rusage) -> float:
    return used.ru_utime + used.ru_stime


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


def main(lines: Sequence[int]) -> NoReturn:
    """Serves the runner at the other ends of two sockets, and leaves the process."""
    die_with_parent()  # the end of the socket tells it too, but not while an import is under way
    Server(*(socket.socket(fileno=line) for line in lines)).serve()
    os._exit(0)  # what the frameworks have to take down is of no use to anybody


if __name__ == "__main__":
    main([int(number) for number in sys.argv[1:]])
