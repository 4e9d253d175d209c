"""Asks the warm process for forks of itself: command lines, scripts and the server of a run's steps, without what they import."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from stellwerk.components.conversion.converting import COMMAND
from stellwerk.pipelines.embedded.workers import WORKER

MESSAGE_BYTES = 1 << 18
FORKING = Path(__file__).with_name("forking.py")
READ_AT_START = ("PYTHON", "TF_", "COV_", "COVERAGE_", "LD_", "MALLOC", "OMP_")
"""How variables begin that Python or a library reads when it starts: a fork would not know them."""


class Process:
    """A fork of the warm process, to be used as a `subprocess.Popen`."""

    def __init__(self, caller: socket.socket, streams: Sequence[IO[str] | None] = (None, None)) -> None:
        told = caller.recv(MESSAGE_BYTES)
        if not told:
            raise RuntimeError("the warm process of the tests has ended")
        self.pid: int = json.loads(told)["pid"]
        self.returncode: int | None = None
        self.stdout, self.stderr = streams
        self._caller = caller

    def wait(self, timeout: float | None = None) -> int:
        """Waits for the end; raises TimeoutExpired where it does not come in time."""
        if self.returncode is None:
            if not select.select([self._caller], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
            told = self._caller.recv(MESSAGE_BYTES)
            self.returncode = json.loads(told)["status"] if told else -9
            self._caller.close()
        return self.returncode

    def poll(self) -> int | None:
        """Returns the exit status, None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def send_signal(self, number: int) -> None:
        """Sends a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Asks it to end."""
        self.send_signal(15)

    def kill(self) -> None:
        """Ends it."""
        self.send_signal(9)

    def communicate(self, timeout: float | None = None) -> tuple[str | None, str | None]:
        """Reads what it writes, to its end."""
        read: list[str | None] = [None, None]

        def follow(number: int, stream: IO[str]) -> None:
            with stream:
                read[number] = stream.read()

        both = enumerate((self.stdout, self.stderr))
        streams = [(number, stream) for number, stream in both if stream is not None and not stream.closed]
        readers = [threading.Thread(target=follow, args=each, daemon=True) for each in streams]
        for reader in readers:
            reader.start()
        self.wait(timeout)
        for reader in readers:
            reader.join()
        return read[0], read[1]

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self.stdout, self.stderr):
            if stream is not None:
                stream.close()
        self.wait()


def ask(address: str, request: Mapping[str, Any], files: Sequence[int]) -> socket.socket:
    """Sends a request; returns the line on which the answers come. The first three files are standard streams."""
    caller = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    caller.connect(address)
    told = {"environment": dict(os.environ), "folder": str(Path.cwd()), "session": False, **request}
    socket.send_fds(caller, [json.dumps(told).encode()], list(files))
    return caller


def through(address: str) -> Any:
    """Returns what starts the server of a run's steps as a fork, in place of `workers.start_server`."""

    def start_server(lines: Sequence[int]) -> Process:
        nothing = os.open(os.devnull, os.O_RDWR)
        request = {"arguments": ["server"], "environment": {**WORKER, **os.environ}, "session": True}
        caller = ask(address, request, [nothing, nothing, nothing, *lines])
        os.close(nothing)
        return Process(caller)

    return start_server


def converting(address: str) -> Any:
    """Returns what runs the converter as a fork, in place of `converting.run_converter`."""

    def run_converter(arguments: Sequence[str], output: IO[bytes], environment: Mapping[str, str]) -> int:
        with open(os.devnull, "rb") as nothing:  # noqa: PTH123
            request = {"arguments": ["python", *COMMAND, *arguments], "environment": dict(environment)}
            files = [nothing.fileno(), output.fileno(), output.fileno()]
            return Process(ask(address, request, files)).wait()

    return run_converter


class Warm:
    """The warm process. It starts when it is first asked, and ends with the one that started it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="warm-")
        self.address = f"{self._folder.name}/socket"
        self._process: subprocess.Popen[bytes] | None = None

    def start_server(self, lines: Sequence[int]) -> Any:
        """Starts the server of a run's steps."""
        return through(self.start())(lines)

    def run_converter(self, arguments: Sequence[str], output: IO[bytes], environment: Mapping[str, str]) -> int:
        """Runs the converter of a step that a test calls in its own process."""
        status: int = converting(self.start())(arguments, output, environment)
        return status

    def popen(
        self,
        arguments: Sequence[object],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | str | None = None,
        stdin: IO[str] | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> Any:
        """Starts `stellwerk ARGUMENTS`, or `python FILE ...`, `python -c CODE ...` or `python -m MODULE ...`, with text streams.

        It is a process of its own, started as usual, where a fork would not be the same.
        """
        words = [str(each) for each in arguments]
        if cold(env):
            command = [sys.executable, *(words[1:] if words[:1] == ["python"] else ["-m", "stellwerk", *words])]
            return subprocess.Popen(command, env=env, cwd=cwd, stdin=stdin, stdout=stdout, stderr=stderr, text=True)
        address = self.start()
        request = {"arguments": words}
        request |= {"environment": dict(env)} if env is not None else {}
        request |= {"folder": str(cwd)} if cwd is not None else {}
        given = [os.open(os.devnull, os.O_RDONLY) if stdin is None else os.dup(stdin.fileno())]
        streams = []
        for number, asked in ((1, stdout), (2, stderr)):
            if asked == subprocess.STDOUT:
                streams.append(None)
                given.append(os.dup(given[1]))
                continue
            ours, theirs = (
                os.pipe() if asked == subprocess.PIPE else (None, _opened(number if asked is None else asked))
            )
            streams.append(None if ours is None else os.fdopen(ours, encoding="utf-8"))
            given.append(theirs)
        caller = ask(address, request, given)
        for file in given:
            os.close(file)
        return Process(caller, streams)

    def run(
        self,
        *arguments: object,
        environment: Mapping[str, str] | None = None,
        cwd: Path | str | None = None,
        timeout: float = 300,
        given: str = "",
        stderr: int = subprocess.PIPE,
    ) -> subprocess.CompletedProcess[str]:
        """Runs `stellwerk ARGUMENTS` to its end, with variables added to the environment and a text to read on stdin."""
        env = {**os.environ, **(environment or {})}
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": stderr}
        with tempfile.TemporaryFile("w+", encoding="utf-8") as stdin:
            stdin.write(given)
            stdin.seek(0)
            with self.popen(arguments, env=env, cwd=cwd, stdin=stdin, **pipes) as process:
                try:
                    out, errors = process.communicate(timeout=timeout)
                except subprocess.TimeoutExpired:
                    process.kill()
                    raise
        return subprocess.CompletedProcess(list(map(str, arguments)), process.returncode, out, errors)

    def stop(self) -> None:
        """Ends the warm process and all its forks."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()

    def start(self) -> str:
        """Starts the warm process unless it runs; returns the address where it is asked."""
        if self._process is not None:
            return self.address
        log = Path(self._folder.name, "log")
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening, log.open("wb") as said:
            listening.bind(self.address)
            listening.listen(64)
            self._process = subprocess.Popen(
                [sys.executable, str(FORKING), str(listening.fileno())],
                env={**WORKER, **os.environ},
                pass_fds=[listening.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        return self.address


def _opened(asked: int) -> int:
    return os.open(os.devnull, os.O_WRONLY) if asked == subprocess.DEVNULL else os.dup(asked)


def cold(environment: Mapping[str, str] | None) -> bool:
    """Says whether a process must be started: a fork would not heed these variables, or not be traced for coverage."""
    given = os.environ if environment is None else environment
    names = {name for name in {*given, *os.environ} if name.startswith(READ_AT_START)}
    traced = any(name.startswith(("COV_", "COVERAGE_")) for name in names)
    return traced or any(given.get(name) != os.environ.get(name) for name in names)
