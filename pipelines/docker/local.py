"""KFP's local runner with containers of our own making.

`kfp.local.DockerRunner` walks an IR and starts a container for every task. Of the two SDKs that are supported, the older gives
a container no user, no folder but the pipeline root and no end when the run is interrupted; what it prints goes to stdout. So
its function that runs one container is replaced while a pipeline runs, and what it prints is kept in a file.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

Step = Callable[[str, list[str]], int]
"""Runs a step, given its name and its command; returns the exit status."""

FUNCTION = "--function_to_execute"


@contextlib.contextmanager
def local_runner(folder: Path, root: Path, step: Step) -> Iterator[Callable[[Path, Mapping[str, Any]], None]]:
    """Gives a function that runs the IR in a file with arguments; artifacts go to `root`, KFP's own log to `folder`."""
    from kfp import components, local  # noqa: PLC0415
    from kfp.local import config, docker_task_handler  # noqa: PLC0415

    def one(*, command: list[str], **_: Any) -> int:
        return step(command[command.index(FUNCTION) + 1], list(command))

    def walk(ir: Path, arguments: Mapping[str, Any]) -> None:
        with (folder / "kfp.log").open("a", encoding="utf-8") as log, contextlib.redirect_stdout(log):
            components.load_component_from_file(str(ir))(**arguments)

    before = config.LocalExecutionConfig.instance, docker_task_handler.run_docker_container
    try:
        local.init(local.DockerRunner(), pipeline_root=str(root), raise_on_error=False)
        docker_task_handler.run_docker_container = one
        yield walk
    finally:
        config.LocalExecutionConfig.instance, docker_task_handler.run_docker_container = before
