"""The service that starts containers: Docker's, or podman's, which answers the same API."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stellwerk import __version__
from stellwerk.errors import StepFailed, UsageError

HOST = "DOCKER_HOST"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
START = "start Docker, or podman's service with `systemctl start podman.socket`"


@dataclass(frozen=True)
class Service:
    """A connection to the service, and what it says of itself."""

    client: Any
    """A `docker.DockerClient`."""
    options: tuple[str, ...]
    """Its security options, e.g. `name=rootless`."""

    def has(self, option: str) -> bool:
        """Says whether the service has a security option."""
        return any(f"name={option}" in each for each in self.options)

    @property
    def user(self) -> str:
        """Who a container is, `uid:gid`, so that the files it writes are the caller's.

        Where the service runs without root, the caller is root inside and nobody else is.
        """
        return "0:0" if self.has("rootless") else f"{os.getuid()}:{os.getgid()}"

    def image(self, name: str) -> str:
        """Returns the id of an image on this machine. Raises UsageError when there is none of that name: nothing is fetched."""
        from docker.errors import APIError, ImageNotFound  # noqa: PLC0415

        try:
            return str(self.client.images.get(name).id)
        except (ImageNotFound, APIError) as error:
            if isinstance(error, APIError) and error.is_server_error():
                raise
            raise UsageError(
                f"image '{name}' is not on this machine. Build it in Stellwerk's repository with "
                f"`docker build -t stellwerk:{__version__} .`, or fetch it with `docker pull`, or name another with --image NAME."
            ) from None


@contextmanager
def service() -> Iterator[Service]:
    """Connects to the service that $DOCKER_HOST names, else to the socket that is there. Raises StepFailed where none answers."""
    try:
        import docker  # noqa: PLC0415 - an extra
    except ImportError:
        raise UsageError("--docker needs the package docker: pip install 'stellwerk[docker]'.") from None
    host = _host()
    try:
        client = docker.DockerClient(base_url=host) if host.startswith("unix://") else docker.from_env()
        with _named(host):
            try:
                yield Service(client, tuple(client.info().get("SecurityOptions") or ()))
            finally:
                client.close()
    except docker.errors.DockerException as error:
        raise StepFailed(
            said(error)
            or f"no container service answers at {host}: {START}, or name its socket in ${HOST}. ({_reason(error)})"
        ) from error


def _host() -> str:
    """Returns where the service is. Raises UsageError for one on another machine, which sees no folder of this one."""
    host = os.environ.get(HOST)
    if host:
        parts = urlsplit(host)
        if parts.scheme == "ssh" or (parts.scheme in ("tcp", "http", "https") and parts.hostname not in LOOPBACK):
            raise UsageError(
                f"{HOST} is {host}, and --docker gives the containers folders of this machine: the service has to run here."
            )
        return host
    known = sockets()
    return f"unix://{next((path for path in known if path.exists()), known[0])}"


def sockets() -> tuple[Path, ...]:
    """Returns where services listen by themselves, in the order in which they are tried."""
    mine = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    return (
        Path("/var/run/docker.sock"),
        mine / "docker.sock",
        mine / "podman" / "podman.sock",
        Path("/run/podman/podman.sock"),
    )


@contextmanager
def _named(host: str) -> Iterator[None]:
    """Names the service to KFP's local runner, which looks for it in the environment."""
    before = os.environ.get(HOST)
    os.environ[HOST] = host
    try:
        yield
    finally:
        del os.environ[HOST]
        if before is not None:
            os.environ[HOST] = before


def said(error: Exception) -> str | None:
    """Returns in a sentence what the service had against a request; None for any other error."""
    from docker.errors import APIError  # noqa: PLC0415

    if not isinstance(error, APIError):
        return None
    return f"the container service refused: {str(error.explanation or error).rstrip('.')}."


def _reason(error: Exception) -> str:
    """Returns the innermost cause of an error in words."""
    inner: BaseException = error
    while inner.__context__ is not None:
        inner = inner.__context__
    return str(getattr(inner, "strerror", None) or inner)
