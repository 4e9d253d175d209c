"""One step in one container: started, followed, and gone when it has ended, however that comes."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stellwerk.components.step_events import EVENTS
from stellwerk.pipelines.docker.access import Access
from stellwerk.pipelines.docker.mounts import Mounts
from stellwerk.pipelines.docker.service import Service
from stellwerk.showing import without_queries

POLL_SECONDS = 0.2
LABEL = "stellwerk.run"


@dataclass(frozen=True)
class Ended:
    """How a container ended."""

    status: int
    """Exit status; 128 and the number of the signal where one ended it."""
    out_of_memory: bool


class Container:
    """A container for one step. Use as a context manager: it is removed at the end, also while it runs.

    It has a read-only root file system, no way to more rights, `/tmp` in a folder of the run, and no network but where the step
    needs one: then it is that of this machine, in which the stores are called as they are called here.
    """

    def __init__(
        self, service: Service, image: str, command: Sequence[str], mounts: Mounts, folder: Path, *, reach: Access
    ) -> None:
        self.folder = folder
        self._heard = 0
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / ".tmp"
        temporary.mkdir(exist_ok=True)
        self._events = folder / ".events"
        self._events.touch()
        self._container = service.client.containers.create(
            image=image,
            command=list(command),
            user=service.user,
            environment={**reach.environment, EVENTS: str(self._events)},
            volumes={
                **mounts,
                **{file: {"bind": file, "mode": "ro"} for file in reach.files},
                str(temporary): {"bind": "/tmp", "mode": "rw"},  # noqa: S108 - of the container
            },
            network_mode="host" if reach.network else "none",
            read_only=True,
            security_opt=["no-new-privileges", *(["label=disable"] if service.has("selinux") else [])],
            labels={LABEL: folder.parent.name},
            healthcheck={"test": ["NONE"]},  # a step that runs is well
        )

    def __enter__(self) -> Container:
        self._log = threading.Thread(target=self._copy_log, daemon=True)
        self._container.start()
        self._log.start()
        return self

    def __exit__(self, *_: object) -> None:
        import shutil  # noqa: PLC0415

        from docker.errors import APIError  # noqa: PLC0415

        with contextlib.suppress(APIError):
            self._container.remove(force=True, v=True)
        self._log.join(POLL_SECONDS)
        shutil.rmtree(self.folder / ".tmp", ignore_errors=True)
        self._events.unlink(missing_ok=True)

    def _copy_log(self) -> None:
        with (self.folder / "log.txt").open("ab", buffering=0) as log:
            line = b""
            for chunk in self._container.logs(stream=True, follow=True):
                *lines, line = (line + chunk).splitlines(keepends=True) or [b""]
                if line.endswith(b"\n"):
                    lines, line = [*lines, line], b""
                log.write(_shown(b"".join(lines)))
            log.write(_shown(line))

    def events(self) -> Iterator[Mapping[str, Any]]:
        """Yields what the step tells while it runs, as `components.telling` writes it; ends when the container has."""
        while self._log.is_alive():
            self._log.join(POLL_SECONDS)
            yield from self._new_events()
        yield from self._new_events()

    def _new_events(self) -> Iterator[Mapping[str, Any]]:
        with self._events.open("rb") as file:
            file.seek(self._heard)
            for line in file:
                if not line.endswith(b"\n"):  # still being written
                    return
                self._heard += len(line)
                yield json.loads(line)

    def ended(self) -> Ended:
        """Waits until the container has ended and says how."""
        status = self._container.wait()["StatusCode"]
        self._container.reload()
        return Ended(int(status), bool(self._container.attrs["State"].get("OOMKilled")))


def _shown(output: bytes) -> bytes:
    return without_queries(output.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
