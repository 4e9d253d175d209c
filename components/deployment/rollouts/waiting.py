"""Waits until an object that was written answers, and puts the earlier one back where it does not."""

from __future__ import annotations

import time
from collections.abc import Callable

from stellwerk.components.deployment.rollouts.cluster import Cluster, Refused, Resource, Unreachable, Written
from stellwerk.serving.manifests import Manifest

POLL_SECONDS = 2.0

DIGEST = "stellwerk/model-digest"

Missing = Callable[[Written, Manifest], str | None]
"""Tells from what was written and what is there now what is still missing, as a sentence part; None: it answers."""


def written_and_ready(
    cluster: Cluster, resource: Resource, manifest: Manifest, wait_seconds: float, missing: Missing, *, pods: str
) -> bool:
    """Writes an object, waits until nothing is `missing`, and returns whether it had to be changed.

    Raises Refused after `wait_seconds`, with the reason and with what became of the object: the earlier spec is put
    back, a new object is removed. `pods` selects the pods that are asked for their troubles.
    """
    written = cluster.write(resource, manifest)
    changed = written.before is None or written.before["spec"] != written.after["spec"]
    why = _waited(cluster, resource, written, wait_seconds, missing)
    if why is None:
        return changed
    namespace = manifest["metadata"]["namespace"]
    reasons = "; ".join([why, *cluster.troubles(namespace, pods)])
    undone = _put_back(cluster, resource, written) if changed else "It was the same before, so nothing was put back"
    raise Refused(f"not ready after {wait_seconds:g} s: {reasons}. {undone}")


def _waited(
    cluster: Cluster, resource: Resource, written: Written, wait_seconds: float, missing: Missing
) -> str | None:
    """Returns None once the object answers, or what was missing at the end."""
    metadata = written.after["metadata"]
    until = time.monotonic() + wait_seconds
    while True:
        try:
            live = cluster.read(resource, metadata["namespace"], metadata["name"])
            why = "it was removed meanwhile" if live is None else missing(written, live)
        except Unreachable as error:
            why = str(error)
        if why is None or time.monotonic() >= until:
            return why
        time.sleep(min(POLL_SECONDS, max(0.0, until - time.monotonic())))


def _put_back(cluster: Cluster, resource: Resource, written: Written) -> str:
    """Undoes what was written unless somebody else wrote after it. Returns what became of it, as a sentence."""
    metadata = written.after["metadata"]
    try:
        live = cluster.read(resource, metadata["namespace"], metadata["name"])
        if live is None or _lasting(live) != _lasting(written.after):
            return f"The {resource.kind} was changed by another program meanwhile and is left as it is"
        if written.before is None:
            cluster.remove(resource, metadata["namespace"], metadata["name"])
            return f"The new {resource.kind} was removed"
        cluster.write(resource, {**written.before, "metadata": _bare(written.before)})
    except Refused as error:
        return f"The earlier {resource.kind} could not be put back: {error}"
    return f"The earlier {resource.kind} was put back"


def _lasting(manifest: Manifest) -> Manifest:
    """Returns the spec but for the number of servers, which an autoscaler may change at any time."""
    return {key: value for key, value in manifest["spec"].items() if key != "replicas"}


def _bare(manifest: Manifest) -> Manifest:
    """Returns the metadata that a person writes."""
    return {
        key: manifest["metadata"][key]
        for key in ("name", "namespace", "labels", "annotations")
        if key in manifest["metadata"]
    }
