"""Runs the compiled IR through KFP's local runner, and keeps the record of the run as the embedded runner does."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stellwerk import __version__
from stellwerk.errors import GateRefused, StellwerkError, StepFailed, sentence
from stellwerk.loading import LoadedSpec
from stellwerk.pipelines.docker.access import access, refuse_what_none_reaches
from stellwerk.pipelines.docker.container import Container, Ended
from stellwerk.pipelines.docker.local import local_runner
from stellwerk.pipelines.docker.mounts import Mounts, mounts
from stellwerk.pipelines.docker.roots import Root, folder_of
from stellwerk.pipelines.docker.service import Service, said, service
from stellwerk.pipelines.embedded.display import Display
from stellwerk.pipelines.engine import Walk, keep_digests, walked
from stellwerk.pipelines.graph import Graph, graph
from stellwerk.pipelines.kubeflow.compilation import intermediate
from stellwerk.pipelines.kubeflow.writing import text_of
from stellwerk.pipelines.runs import RunRecord, StepRecord, begin_run
from stellwerk.showing import without_queries
from stellwerk.spec.cluster import Cluster

LAST_LINES = 12


def image_of(loaded: LoadedSpec, wanted: str | None) -> str:
    """Returns the name of the image: the one that is wanted, else the spec's, else Stellwerk's own of this version."""
    cluster = loaded.spec.cluster
    return wanted or (cluster.image if cluster is not None else f"stellwerk:{__version__}")


def run(
    loaded: LoadedSpec, *, image: str | None = None, until: str | None = None, display: Display | None = None
) -> RunRecord:
    """Runs a pipeline in containers on this machine and returns what happened; a report is written however it ends.

    The spec is compiled, and KFP's local runner walks the IR: each step is a container of `image` (by default the spec's
    `cluster.image`, else `stellwerk:VERSION`). Nothing is taken from the cache. `until` runs only what that step needs, and
    that step. Artifacts are kept in the spec's `cluster.pipeline_root` too where that is a folder.

    Raises GateRefused when a gate said no, StepFailed when a step could not do its work or no service starts containers,
    UsageError for an image that is not here and for places that no container reaches. KeyboardInterrupt removes the
    container under way and is raised again.
    """
    steps = graph(loaded)
    if until is not None:
        steps = steps.until(until)
    refuse_what_none_reaches(loaded.spec)
    mounted, root = mounts(loaded), folder_of(loaded)
    name = image_of(loaded, image)
    with service() as containers:
        identity = containers.image(name)
        versions = {"image": name, "image_id": identity}

        def begin(runs: Path, told: Display) -> Walk:
            return _Walk(loaded, steps, versions, runs, told, containers=containers, mounted=mounted, root=root)

        return walked(loaded, steps, begin, display, interrupted="interrupted", aside=functools.partial(_aside, root))


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Makes what the container service or KFP's local runner raises an error in a sentence."""
    try:
        yield
    except StellwerkError:
        raise
    except Exception as error:
        raise StepFailed(said(error) or sentence(error)) from error


def _aside(root: Path | None, artifact: Path) -> Path:
    """Returns where an artifact of a run lies now: until the end in a folder of KFP's own naming."""
    return Root.of(artifact.parents[1], root).while_running(artifact.parent.name, artifact.name) or artifact


class _Walk:
    """One run: its record, and what KFP's local runner asks for while it walks the IR."""

    def __init__(
        self,
        loaded: LoadedSpec,
        steps: Graph,
        versions: dict[str, str],
        runs: Path,
        display: Display,
        *,
        containers: Service,
        mounted: Mounts,
        root: Path | None,
    ) -> None:
        spec = loaded.spec.model_copy(update={"cluster": Cluster(image=versions["image"])})
        self.loaded = dataclasses.replace(loaded, spec=spec)
        self.graph = steps
        self.display = display
        self.containers, self.mounted = containers, mounted
        self.record = begin_run(loaded, self.graph, runs, versions)
        self.root = Root.of(self.record.folder, root)
        self.began = time.monotonic()
        self.problem: StellwerkError | None = None

    def go(self) -> None:
        """Runs every step. Raises the first problem."""
        with _explained():
            self._go()

    def _go(self) -> None:
        folder, root = self.record.folder, self.root.folder
        root.mkdir(parents=True, exist_ok=True)
        written = [folder, *([root] if self.root.kept else [])]
        inside = {**self.mounted, **{str(each): {"bind": str(each), "mode": "rw"} for each in written}}
        ir = text_of(intermediate(self.loaded, self.graph, local=True))
        (folder / "pipeline.yaml").write_text(without_queries(ir), encoding="utf-8")

        def step(name: str, command: list[str]) -> int:
            image, reach = self.record.versions["image_id"], access(self.loaded.spec, name)
            with Container(self.containers, image, command, inside, folder / name, reach=reach) as container:
                return self._follow(name, container)

        try:
            with local_runner(folder, root, step) as walk:
                walk(ir, {"directory": str(self.loaded.directory)})
        finally:
            self._take_outputs()
        if self.problem is not None:
            raise self.problem

    def _follow(self, name: str, container: Container) -> int:
        """Shows what a step tells until it has ended; returns its exit status."""
        record = next((step for step in self.record.steps if step.name == name), StepRecord(name, []))
        record.status, record.started = "running", time.monotonic() - self.began
        self.record.save()
        self.display.started(record)
        error: Mapping[str, Any] | None = None
        for event in container.events():
            ((kind, value),) = event.items()
            if kind == "progress":
                done, total, unit = value
                record.rows = done if unit == "rows" else record.rows
                self.display.progress(record, done, total, unit)
            elif kind == "done":
                record.peak_memory, record.cpu_seconds = value["peak_memory"], value["cpu_seconds"]
            else:
                error = value
        ended = container.ended()
        record.seconds = time.monotonic() - self.began - record.started
        if ended.status or error:
            self._failed(record, ended, error, container.folder / "log.txt")
        else:
            record.status = "done"
        self.record.save()
        self.display.ended(record)
        return ended.status or int(error is not None)

    def _failed(self, record: StepRecord, ended: Ended, error: Mapping[str, Any] | None, log: Path) -> None:
        problem: StellwerkError
        if error is not None and error["type"] == GateRefused.__name__:
            problem = GateRefused(error["message"])
        elif error is not None and error["type"] is not None:
            problem = StepFailed(f"step {record.name}: {error['message']}")
        else:
            problem = StepFailed(f"step {record.name} {_how(ended, error)}\n{_tail(log)}")
        record.status = "refused" if isinstance(problem, GateRefused) else "failed"
        record.error = str(problem)
        self.problem = self.problem or problem

    def _take_outputs(self) -> None:
        """Puts the artifacts where every run has them: KFP's local runner puts them into a folder of its own naming."""
        self.root.hand_over(self.record.folder, (step.name for step in self.graph.steps))
        for step in self.graph.steps:
            if self.record.step(step.name).status == "done":
                keep_digests(self.record, step)


def _how(ended: Ended, error: Mapping[str, Any] | None) -> str:
    if error is not None:
        return f"failed: {error['message']}"
    if ended.out_of_memory or ended.status == 137:
        return "was killed (137). Did the machine, or the machine that Docker runs in, run out of memory?"
    return f"ended with exit status {ended.status}. Is Stellwerk {__version__} in the image?"


def _tail(log: Path) -> str:
    """Returns the end of a log, below the name of its file."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
    except OSError:
        lines = []
    return "\n".join([f"The end of {log}:", *(f"  {line}" for line in lines)])
