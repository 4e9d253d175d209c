"""Pipelines on a running Kubeflow: submitted, followed, scheduled, and looked after.

What is imported here asks the cluster; commands import it when they are called.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stellwerk.loading import LoadedSpec
from stellwerk.pipelines.kubeflow.submission.client import Kubeflow
from stellwerk.pipelines.kubeflow.submission.connection import Asked, Connection, find_connection
from stellwerk.pipelines.kubeflow.submission.endings import Ended
from stellwerk.pipelines.kubeflow.submission.package import Package, package_of
from stellwerk.pipelines.kubeflow.submission.reaching import Reached, reach
from stellwerk.pipelines.kubeflow.submission.records import ClusterRun, ClusterSchedule
from stellwerk.pipelines.kubeflow.submission.scheduling import Scheduled, Schedules
from stellwerk.pipelines.kubeflow.submission.submitting import Runs, Wanted
from stellwerk.pipelines.kubeflow.submission.waiting import Following, follow

__all__ = [
    "Asked",
    "ClusterRun",
    "ClusterSchedule",
    "Connection",
    "Ended",
    "Following",
    "Kubeflow",
    "Package",
    "Reached",
    "Runs",
    "Scheduled",
    "Schedules",
    "Wanted",
    "find_connection",
    "follow",
    "package_of",
    "reach",
    "submit",
]


def submit(
    spec: LoadedSpec | str | Path,
    parameters: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    wait: bool = False,
    asked: Asked | None = None,
) -> ClusterRun:
    """Starts a run of a spec, or of an IR file, on Kubeflow, and with `wait` follows it to its end.

    Host, namespace and experiment come from `asked`, the spec's `cluster` section and the environment, in this order.
    Raises SpecError or UsageError before anything is sent, ClusterError when Kubeflow does not take it, and with `wait`
    GateRefused or StepFailed for a run that does not succeed.
    """
    package = package_of(spec)
    kubeflow = Kubeflow(find_connection(asked or Asked(), package.cluster))
    run = Runs(kubeflow).submit(package, Wanted(parameters=parameters or {}, name=name))
    if not wait:
        return run
    ended = follow(kubeflow, run.run, lambda state: print(f"{state.name}: {state.state}", file=sys.stderr))
    ended.check()
    return ended.run
