"""Flink on loopback with Beam's job server, for as long as this process runs: a session cluster of one task manager.

    python tests/flink/cluster.py JARS WORK

JARS is what `.ci/flink` downloads. When jobs are taken, one line of JSON says where: `{"jobs": "127.0.0.1:PORT", ...}`. It ends, with
everything it started, when its standard input is closed.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from stellwerk.components.beam.thin_jar import write_thin_jar

DEADLINE = 120
SLOTS = 2
HOST = "127.0.0.1"

# Everything a task manager needs to be told when java starts it and no script of Flink's has divided its memory.
SETTINGS = """\
jobmanager.rpc.address: 127.0.0.1
jobmanager.bind-host: 127.0.0.1
jobmanager.rpc.port: {rpc}
rest.address: 127.0.0.1
rest.bind-address: 127.0.0.1
rest.port: {rest}
taskmanager.host: 127.0.0.1
taskmanager.bind-host: 127.0.0.1
taskmanager.numberOfTaskSlots: {slots}
parallelism.default: {slots}
taskmanager.cpu.cores: {slots}
taskmanager.memory.framework.heap.size: 128m
taskmanager.memory.framework.off-heap.size: 128m
taskmanager.memory.task.heap.size: 640m
taskmanager.memory.task.off-heap.size: 0m
taskmanager.memory.managed.size: 128m
taskmanager.memory.network.min: 512m
taskmanager.memory.network.max: 512m
taskmanager.memory.jvm-metaspace.size: 256m
taskmanager.memory.jvm-overhead.min: 128m
taskmanager.memory.jvm-overhead.max: 128m
taskmanager.network.sort-shuffle.min-buffers: 16
blob.storage.directory: {work}/blobs
io.tmp.dirs: {work}/tmp
pekko.ask.timeout: 120 s
heartbeat.timeout: 120000
"""
LOGGING = """\
rootLogger.level = INFO
rootLogger.appenderRef.console.ref = console
appender.console.name = console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss,SSS} %-5p %c{1} - %m%n
"""
OPENED = (
    "lang",
    "lang.reflect",
    "net",
    "io",
    "nio",
    "text",
    "time",
    "util",
    "util.concurrent",
    "util.concurrent.atomic",
)
"""Packages of java.base that Flink 1.19 looks into on Java 17."""


class Flink:
    """What runs, each in a process of its own with a log of its own."""

    def __init__(self, jars: Path, work: Path) -> None:
        self.jars, self.work = jars.resolve(), work.resolve()
        self._running = contextlib.ExitStack()
        self.rest, self._rpc, self.jobs, self._artifacts = (_free_port() for _ in range(4))

    def __enter__(self) -> Flink:
        for folder in ("conf", "blobs", "tmp", "staged"):
            (self.work / folder).mkdir(parents=True)
        settings = SETTINGS.format(rpc=self._rpc, rest=self.rest, slots=SLOTS, work=self.work)
        (self.work / "conf" / "config.yaml").write_text(settings)
        (self.work / "conf" / "log4j.properties").write_text(LOGGING)
        with contextlib.ExitStack() as stack:
            self._running = stack
            self._start_cluster()
            self._start_job_server()
            self._running = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def _start_cluster(self) -> None:
        flink = self._of_flink("flink-dist", "log4j-api", "log4j-core", "log4j-slf4j-impl")
        entry, conf = "org.apache.flink.runtime.", ("--configDir", str(self.work / "conf"))
        self._java("job-manager", 384, flink, f"{entry}entrypoint.StandaloneSessionClusterEntrypoint", *conf)
        manager = ("-XX:MaxDirectMemorySize=640m", "-XX:MaxMetaspaceSize=256m")
        self._java("task-manager", 768, flink, f"{entry}taskexecutor.TaskManagerRunner", *conf, more=manager)
        self._until("the task manager has registered", lambda: self._overview()["slots-total"] == SLOTS)

    def _start_job_server(self) -> None:
        """Starts it from one jar that names the others: what is on its class path goes to the cluster with every job."""
        logging = self._of_flink("log4j-api", "log4j-core", "log4j-slf4j-impl")
        jar = write_thin_jar([*sorted((self.jars / "beam").glob("*.jar")), *logging], self.work / "job-server.jar")
        ports = {"job": self.jobs, "artifact": self._artifacts, "expansion": 0}
        options = [f"--{name}-port={port}" for name, port in ports.items()]
        options += [
            "--job-host",
            HOST,
            "--flink-master",
            f"{HOST}:{self.rest}",
            "--flink-conf-dir",
            str(self.work / "conf"),
        ]
        options += ["--artifacts-dir", str(self.work / "staged")]
        self._java("job-server", 512, [jar], "org.apache.beam.runners.flink.FlinkJobServerDriver", *options)
        self._until("the job server takes jobs", lambda: socket.create_connection((HOST, self.jobs), 1).close() is None)

    def _of_flink(self, *names: str) -> list[Path]:
        return [jar for name in names for jar in (self.jars / "flink" / "pyflink" / "lib").glob(f"{name}-[0-9]*.jar")]

    def _java(
        self, name: str, heap: int, jars: list[Path], main: str, *arguments: str, more: tuple[str, ...] = ()
    ) -> None:
        opens = [f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in OPENED]
        opens += ["--add-opens=java.base/sun.nio.ch=ALL-UNNAMED", "--add-exports=java.base/sun.net.util=ALL-UNNAMED"]
        log = f"-Dlog4j.configurationFile={self.work / 'conf' / 'log4j.properties'}"
        path = ":".join(map(str, jars))
        command = ["java", f"-Xmx{heap}m", "-XX:TieredStopAtLevel=1", *more, *opens, log, "-cp", path, main, *arguments]
        with (self.work / f"{name}.log").open("wb") as file:
            process = subprocess.Popen(command, stdout=file, stderr=file, stdin=subprocess.DEVNULL, cwd=self.work)
        self._running.callback(_end, process)
        self._processes = (*getattr(self, "_processes", ()), (name, process))

    def _overview(self) -> dict[str, int]:
        with urllib.request.urlopen(f"http://{HOST}:{self.rest}/overview", timeout=2) as answer:
            found: dict[str, int] = json.load(answer)
            return found

    def _until(self, what: str, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE
        while True:
            with contextlib.suppress(OSError):
                if done():
                    return
            for name, process in self._processes:
                if process.poll() is not None:
                    sys.exit(
                        f"{name} ended with {process.returncode}:\n{(self.work / f'{name}.log').read_text()[-3000:]}"
                    )
            if time.monotonic() > deadline:
                sys.exit(f"not in {DEADLINE} s: {what}")
            time.sleep(0.1)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with contextlib.closing(socket.socket()) as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port


if __name__ == "__main__":
    with Flink(Path(sys.argv[1]), Path(sys.argv[2])) as flink:
        print(json.dumps({"jobs": f"{HOST}:{flink.jobs}", "rest": f"http://{HOST}:{flink.rest}"}), flush=True)
        sys.stdin.read()
