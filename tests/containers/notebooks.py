"""Starts the notebook image as Kubeflow starts a Notebook: from the guide's own YAML, by what its controller makes of it."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from .lab import SECONDS, Lab

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "notebooks.md"
PORT = 8888
HOME = "/home/jovyan"
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
TOKEN = "/var/run/secrets/kubeflow/pipelines"


def blocks(language: str) -> list[str]:
    """Returns the blocks of the guide in one language, in its order."""
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def object_of(kind: str) -> dict[str, Any]:
    """Returns the object of this kind that the guide shows."""
    shown = [each for block in blocks("yaml") for each in yaml.safe_load_all(block)]
    return next(each for each in shown if each["kind"] == kind)


def prefix_of(notebook: dict[str, Any]) -> str:
    """Returns the path at which Kubeflow's gateway sends requests to a notebook, and which it is told as NB_PREFIX."""
    return f"/notebook/{notebook['metadata']['namespace']}/{notebook['metadata']['name']}"


def empty_home(client: Any, image: str, folder: Path, group: int) -> Path:
    """Makes what Kubernetes mounts: a new volume, which belongs to root and to the pod's `fsGroup`."""
    folder.mkdir()
    own = f"chown 0:{group} /home/jovyan && chmod 2775 /home/jovyan"
    client.containers.run(
        image,
        ["-c", own],
        entrypoint=["sh"],
        user="0:0",
        volumes=_mounted({HOME: folder}),
        network_mode="none",
        remove=True,
    )
    return folder


@contextlib.contextmanager
def started(client: Any, image: str, home: Path, user: int | None = None, **given: Any) -> Iterator[Any]:
    """Runs the container of the guide's Notebook with an empty folder as its home, and removes it in the end.

    `user` is a number that the cluster chooses in place of the image's, as OpenShift does; `environment` comes on top of the
    Notebook's, `files` of this machine by where they are mounted.
    """
    notebook = object_of("Notebook")
    pod = notebook["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    secure = container["securityContext"]
    environment = {each["name"]: each["value"] for each in container["env"]} | {"NB_PREFIX": prefix_of(notebook)}
    group = pod["securityContext"]["fsGroup"] if user is None else user
    running = client.containers.create(
        image,
        user="" if user is None else f"{user}:0",
        group_add=[str(group)],
        working_dir=HOME,
        environment=environment | given.get("environment", {}),
        volumes=_mounted({HOME: home}) | _mounted(given.get("files", {}), "ro"),
        read_only=secure["readOnlyRootFilesystem"],
        tmpfs={"/tmp": ""},
        cap_drop=secure["capabilities"]["drop"],
        security_opt=[] if secure["allowPrivilegeEscalation"] else ["no-new-privileges"],
        network_mode="host",
    )
    try:
        running.start()
        yield running
    finally:
        running.remove(force=True)


def answering(running: Any, prefix: str) -> Lab:
    """Waits until the server answers, and returns a client of it."""
    lab, deadline = Lab(f"http://127.0.0.1:{PORT}{prefix}"), time.monotonic() + SECONDS
    while True:
        with contextlib.suppress(OSError):
            lab.ask("/api")
            return lab
        running.reload()
        assert running.status == "running", running.logs().decode()
        assert time.monotonic() < deadline, running.logs().decode()
        time.sleep(0.2)


def _mounted(files: dict[str, Path], mode: str = "rw") -> dict[str, Any]:
    return {str(here): {"bind": there, "mode": mode} for there, here in files.items()}
