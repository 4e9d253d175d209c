"""A step on a cluster tells what happens to it itself: nobody else is there who knows all of it.

Which run it belongs to is in the places of its outputs, which KFP makes: `<root>/<pipeline>/<run>/<task>/<salt>/<artifact>`.
So no parameter and no environment variable has to carry it, and the steps of a pipeline written by hand tell it too.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stellwerk.components.lineage.code import code_digest
from stellwerk.components.lineage.events import Job, Json, Kind, error, event
from stellwerk.components.lineage.sending import Sender, configured
from stellwerk.components.lineage.steps import Artifact, step_event
from stellwerk.components.run_values import changed
from stellwerk.components.step_events import heard
from stellwerk.errors import StellwerkError
from stellwerk.steps import ROWS, STEPS

if TYPE_CHECKING:
    from stellwerk.components.artifacts.examples import Examples

ENGINE = "Kubeflow Pipelines"
SHOWN = ("system.HTML", "system.Markdown")
"""Artifacts for the dashboard: they are looked at, nothing is made from them."""
EVENTS = "STELLWERK_EVENTS"
"""Set where an engine outside the container watches, and tells of the step itself."""
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_STAMP = re.compile(r"-\d{4}(-\d\d){5}-\d{6}$")
"""What KFP's local runner puts behind the name of a pipeline."""


@dataclass(frozen=True)
class Place:
    """Where in which run an artifact was written."""

    pipeline: str
    run: str
    task: str
    artifact: str

    @classmethod
    def of(cls, uri: str) -> Place | None:
        """Reads the place out of an artifact's URI; None where it was not made by KFP."""
        parts = [part for part in uri.rstrip("/").split("/") if part]
        for position in range(1, len(parts) - 2):
            if _UUID.fullmatch(parts[position]):
                return cls(parts[position - 1], parts[position].lower(), parts[position + 1], parts[-1])
        if len(parts) < 3:
            return None
        run = str(uuid.uuid5(uuid.NAMESPACE_URL, uri.rstrip("/").rsplit("/", 2)[0]))
        return cls(_STAMP.sub("", parts[-3]), run, parts[-2], parts[-1])


@contextlib.contextmanager
def observed(step: str, arguments: Mapping[str, Any]) -> Iterator[None]:
    """Tells the start and the end of a step that runs under KFP, where somebody wants to know; else does nothing.

    Nobody else tells of the whole run: the steps that begin and end one do, and a step that fails tells that the run does; who
    listens goes by the last word. Whatever goes wrong with the telling, the step goes on.
    """
    under_kfp = any(_is_artifact(value) for value in arguments.values())
    if not under_kfp or EVENTS in os.environ or not configured():
        yield
        return
    try:
        telling = _Telling(step, arguments)
    except Exception:  # what is wrong with the arguments, the step itself says better
        yield
        return
    tells = STEPS[step].tells  # of a run whose other steps come from KFP's cache, only one works, and tells both
    if "start" in tells:
        telling.tell_of_run("START")
    telling.tell("START")
    try:
        with _terminable(), heard(lambda problem: telling.close("FAIL", str(problem))):
            yield
    except (KeyboardInterrupt, SystemExit):
        telling.close("ABORT", "the step was stopped")
        raise
    except BaseException as problem:
        telling.close("FAIL", str(problem) or type(problem).__name__)
        raise
    telling.close("COMPLETE", run_ends="end" in tells)


class _Telling:
    """The events of one step."""

    def __init__(self, step: str, arguments: Mapping[str, Any]) -> None:
        self.arguments = changed(step, arguments)
        self.outputs = {  # what is to be written does not exist yet, so the contract of a step says
            name for name, value in arguments.items() if _is_artifact(value) and not Path(value.path).exists()
        }
        self.sender = Sender()
        self._opened: dict[str, Examples | None] = {}

    def tell(self, kind: Kind, failure: str | None = None) -> None:
        with contextlib.suppress(Exception):
            self.sender.send(self._event(kind, failure))

    def close(self, kind: Kind, failure: str | None = None, *, run_ends: bool = True) -> None:
        """Tells how the step ended, and, where that ends it, the run."""
        self.tell(kind, failure)
        if run_ends:
            self.tell_of_run(kind, failure)
        problem = self.sender.close()
        if problem:
            print(problem, file=sys.stderr, flush=True)

    def tell_of_run(self, kind: Kind, failure: str | None = None) -> None:
        with contextlib.suppress(Exception):
            self.sender.send(event(kind, self._run(), run_facets=error(failure) if failure else {}))

    def _event(self, kind: Kind, failure: str | None) -> Json:
        job, directory, evaluation = self._job(), self.arguments.get("directory"), self.arguments.get("evaluation")
        return step_event(
            kind,
            job,
            self.arguments,
            {"code_digest": code_digest()},
            read=self._read(),
            written={
                name: Artifact(f"{job.name}.{place.artifact}", Path(value.path), value.uri)
                for name, (value, place) in self._places(output=True).items()
            },
            directory=None if directory is None else Path(directory),
            evaluation=None if evaluation is None else Path(evaluation.path),
            failure=failure,
        )

    def _places(self, output: bool) -> dict[str, tuple[Any, Place]]:
        """Returns the artifacts that are written, or those that are read, and where they lie."""
        found = {}
        for name, value in self.arguments.items():
            place = Place.of(value.uri) if _is_artifact(value) else None
            shown = getattr(value, "schema_title", "") in SHOWN
            if place is not None and not shown and (name in self.outputs) == output:
                found[name] = (value, place)
        return found

    def _in_place(self) -> Iterator[tuple[Examples | None, str, Place]]:
        """Yields artifacts that are read where they lie, opened, and their URIs."""
        for name in ROWS:
            uri = self.arguments.get(name)
            place = Place.of(uri) if isinstance(uri, str) else None
            if place is not None:
                yield self._open(str(uri)), str(uri), place

    def _open(self, uri: str) -> Examples | None:
        """Opens Examples for all events of the step, as each opening lists them; None where that fails, which the step says."""
        from stellwerk.components.artifacts.examples import Examples  # noqa: PLC0415 - Arrow, for who reads in place only

        if uri not in self._opened:
            try:
                self._opened[uri] = Examples.open(uri)
            except (StellwerkError, OSError, ValueError):
                self._opened[uri] = None
        return self._opened[uri]

    def _here(self) -> Place:
        """Returns where in which run this step is: any output says it."""
        found = (Place.of(self.arguments[name].uri) for name in sorted(self.outputs))
        return next(place for place in found if place is not None)

    def _run(self) -> Job:
        here = self._here()
        return Job(here.pipeline, here.run, engine=ENGINE)

    def _job(self) -> Job:
        pod = os.environ.get("KFP_POD_UID", "")
        own = pod if _UUID.fullmatch(pod) else None  # each attempt is a run of its own
        return self._run().child(self._here().task, own)

    def _read(self) -> list[Artifact]:
        found: list[tuple[Path | Examples | None, str, Place]]
        found = [(Path(value.path), value.uri, place) for value, place in self._places(output=False).values()]
        found += self._in_place()
        return [Artifact(f"{at.pipeline}.{at.task}.{at.artifact}", path, uri) for path, uri, at in found]


def _is_artifact(value: Any) -> bool:
    return hasattr(value, "path") and hasattr(value, "uri")


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Makes SIGTERM, by which Kubernetes stops a pod, end the block as an interrupt does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
