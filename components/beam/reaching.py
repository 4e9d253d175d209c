"""Whether a runner can be asked at all, said before anything is sent to it. Needs no Beam, so that `check` can ask too."""

from __future__ import annotations

import importlib.util
import shutil
import socket

from stellwerk.spec.beam import Beam

SECONDS = 5.0
"""So long a job service may take to accept a connection."""


def refusal(settings: Beam, *, here: bool = True) -> str | None:
    """Returns why the runner cannot be used from this process, as the rest of a sentence, or None.

    With `here=False` only what is installed is asked: the process that will ask the runner is elsewhere, in the cluster.
    """
    if settings.runner == "DataflowRunner" and importlib.util.find_spec("apitools") is None:
        return "needs the package apache-beam[gcp]: pip install 'stellwerk[runtime]'"
    if not here:
        return None
    if settings.endpoint is not None:
        return _unreachable(settings.endpoint)
    uber_jar = settings.options.get("flink_submit_uber_jar") or settings.options.get("spark_submit_uber_jar")
    if settings.runner in ("FlinkRunner", "SparkRunner") and not uber_jar and shutil.which("java") is None:
        return (
            "starts its job server with Java, and there is no `java` on the PATH. Install one, or start a job server elsewhere "
            "and name it: runner: PortableRunner with options.job_endpoint"
        )
    return None


def _unreachable(endpoint: str) -> str | None:
    host, _, port = endpoint.rpartition(":")
    try:
        socket.create_connection((host, int(port)), SECONDS).close()
    except (OSError, OverflowError) as error:
        return (
            f"has its job service at {endpoint} (options.job_endpoint), and it does not answer: "
            f"{getattr(error, 'strerror', None) or error}. Start it, or correct the address"
        )
    return None
