"""KFP's local runner with containers of our own making.

`kfp.local.DockerRunner` walks an IR and starts a container for every task. Of the two SDKs that are supported, the older gives
a container no user, no folder but the pipeline root and no end when the run is interrupted; what it prints goes to stdout. So
its function that runs one container is replaced while a pipeline runs, and what it prints is kept in a file.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from stellwerk.showing import without_queries

Step = Callable[[str, list[str]], int]
"""Runs a step, given its name and its command; returns the exit status."""

FUNCTION = "--function_to_execute"


class _Shown(io.TextIOBase):
    """Writes into a log what may be shown in it."""

    def __init__(self, log: TextIO) -> None:
        self._log = log

    def write(self, text: str) -> int:
        self._log.write(without_queries(text))
        return len(text)

    def flush(self) -> None:
        self._log.flush()


@contextlib.contextmanager
def local_runner(folder: Path, root: Path, step: Step) -> Iterator[Callable[[str, Mapping[str, Any]], None]]:
    """Gives a function that runs an IR with arguments; artifacts go to `root`, KFP's own log to `folder`."""
    from kfp import components, local  # noqa: PLC0415
    from kfp.local import config, docker_task_handler  # noqa: PLC0415

    def one(*, command: list[str], **_: Any) -> int:
        return step(command[command.index(FUNCTION) + 1], list(command))

    def walk(ir: str, arguments: Mapping[str, Any]) -> None:
        with (folder / "kfp.log").open("a", encoding="utf-8") as log, contextlib.redirect_stdout(_Shown(log)):
            components.load_component_from_text(ir)(**arguments)

    before = config.LocalExecutionConfig.instance, docker_task_handler.run_docker_container
    try:
        local.init(local.DockerRunner(), pipeline_root=str(root), raise_on_error=False)
        docker_task_handler.run_docker_container = one
        yield walk
    finally:
        config.LocalExecutionConfig.instance, docker_task_handler.run_docker_container = before
