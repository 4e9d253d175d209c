"""Servers on a cluster that a pushed version is rolled out to: one module for each key of `push`."""

from __future__ import annotations

import importlib
from typing import Any

from stellwerk.components.deployment.rollouts.cluster import Cluster, Refused
from stellwerk.errors import StepFailed
from stellwerk.serving.manifests import Manifest, Release
from stellwerk.spec import Push

ROLLOUTS = {
    "kserve": "stellwerk.components.deployment.rollouts.kserve",
    "kubernetes": "stellwerk.components.deployment.rollouts.kubernetes",
}
"""Key of `push` -> the module that rolls out there (`roll_out(cluster, manifests, wait_seconds)`)."""


def roll_out(push: Push, release: Release, manifests: dict[str, Manifest], path: str) -> list[dict[str, Any]]:
    """Brings every server that `push` names to the pushed version and waits until it answers.

    Returns what was done: kind, namespace, name, and whether anything had to change. Raises StepFailed where a cluster
    refuses or the version does not come; then the earlier one is put back, and the model stays pushed at `path`.
    """
    done = []
    for key, section in push.servers.items():
        name = section.service or release.model
        try:
            rollout = importlib.import_module(ROLLOUTS[key])
            changed = rollout.roll_out(Cluster(section.context), manifests, section.wait_seconds)
        except Refused as error:
            raise StepFailed(
                f"push.{key}: {section.namespace}/{name}: {error}. The model itself is pushed: {path}"
            ) from error
        done.append({"kind": rollout.KIND, "namespace": section.namespace, "name": name, "changed": changed})
    return done
