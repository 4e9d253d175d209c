"""The end of a run: what the exit task is told of how it went, by backends that tell it."""

from __future__ import annotations

from typing import Any

TELLS_FROM = (2, 14)
"""The first Kubeflow Pipelines that tells an exit task how the run ended; earlier ones refuse a pipeline that asks for it."""


def tells_status(version: str | None) -> bool:
    """Says whether a backend of this version, or by default of the installed SDK's, tells an exit task how the run ended."""
    from kfp import __version__ as installed  # noqa: PLC0415 - after the SDK's light import

    return tuple(int(part) for part in (version or str(installed)).split(".")[:2]) >= TELLS_FROM


def with_status(spec: dict[str, Any]) -> dict[str, Any]:
    """Gives the exit task of an IR the final status of the steps that it follows.

    It is wired here and not by `dsl.PipelineTaskFinalStatus`, whose component cannot run where no status is told: one
    component serves every backend.
    """
    task = spec["root"]["dag"]["tasks"]["summarise"]
    (group,) = task["dependentTasks"]
    task["inputs"]["parameters"]["status"] = {"taskFinalStatus": {"producerTask": group}}
    return spec
