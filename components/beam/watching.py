"""Whether a worker has come up at all. A runner that starts none waits for one without end and without a word."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems

from stellwerk.components.beam.shared_storage import is_uri, put, seen_by_worker
from stellwerk.errors import StepFailed
from stellwerk.spec.beam import Beam

_POLL = 1.0
"""Seconds between two looks; a look into a store is a request."""

_WHERE_WORKERS_START = {
    "EXTERNAL": (
        "the pool at {config} starts `python` from its own PATH, which must be the Python that has Stellwerk and Beam; the pool's "
        "log says why a worker ended"
    ),
    "LOOPBACK": "with LOOPBACK this process is the worker, and only task managers on this machine reach it",
    "PROCESS": "the task managers run {config}; their logs say why it ended",
    "DOCKER": "the task managers start containers of {config}, which takes a Docker daemon beside each",
}


class Signs(beam.DoFn):  # type: ignore[misc]
    """Passes portions on. The worker that does it leaves a sign at an address, once.

    Raises DataError, with what to mount, on a worker that does not see the folder of the address.
    """

    def __init__(self, address: str) -> None:
        self._address = address

    def setup(self) -> None:
        """Leaves the sign; written by several workers it is the same."""
        if not is_uri(self._address):
            seen_by_worker(str(Path(self._address).parent))
        put(b"", self._address)

    def process(self, portion: Any) -> Iterator[Any]:
        """Yields the portion as it is."""
        yield portion


class Watch:
    """Waits beside a job for the sign of a worker, and cancels the job where there is none in `beam.worker_seconds`."""

    def __init__(self, settings: Beam, address: str) -> None:
        self._settings, self.address = settings, address
        self._over = threading.Event()
        self.gave_up = False
        """Whether the job was cancelled for want of a worker."""

    def begin(self, pipeline: beam.Pipeline) -> None:
        """Begins to wait, in a thread, once the runner has taken the job. Dataflow ends a job without workers by itself."""
        if self._settings.runner == "DataflowRunner":
            return
        threading.Thread(target=self._wait, args=(pipeline,), name="watch", daemon=True).start()

    def end(self) -> None:
        """Ends the waiting: the job is over."""
        self._over.set()

    def failure(self) -> StepFailed:
        """Returns what to look at, where `gave_up`."""
        options = self._settings.options
        kind = str(options.get("environment_type", "DOCKER")).upper()
        more = options.get("environment_options")
        said = options.get("environment_config") or (", ".join(more) if isinstance(more, tuple) else more)
        config = said or ("Beam's own image" if kind == "DOCKER" else "options.environment_config")
        where = _WHERE_WORKERS_START.get(kind, _WHERE_WORKERS_START["DOCKER"]).format(config=config)
        return StepFailed(
            f"beam: {self._settings.runner} has had the job for {self._settings.worker_seconds} s (beam.worker_seconds) and no worker "
            f"has come up, so it was told to cancel the job: {where}; or the cluster has no free slots, and beam.worker_seconds is "
            "too short."
        )

    def _wait(self, pipeline: beam.Pipeline) -> None:
        while getattr(pipeline, "result", None) is None:
            if self._over.wait(0.1):
                return
        deadline = time.monotonic() + self._settings.worker_seconds
        while not _exists(self.address):
            if self._over.wait(_POLL):
                return
            if time.monotonic() > deadline:
                self.gave_up = True
                with contextlib.suppress(Exception):  # what has hung up ends the waiting for the job too
                    pipeline.result.cancel()
                return


def _exists(address: str) -> bool:
    try:
        return bool(FileSystems.exists(address)) if is_uri(address) else Path(address).exists()
    except Exception:  # a store that does not answer is asked again
        return False
