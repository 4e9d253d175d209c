"""A plain Deployment and Service of TensorFlow Serving: created or changed, awaited, put back."""

from __future__ import annotations

from stellwerk.components.deployment.rollouts.cluster import Cluster, Resource, Written
from stellwerk.components.deployment.rollouts.waiting import written_and_ready
from stellwerk.serving.manifests import Manifest

KIND = "Deployment"
DEPLOYMENTS = Resource(KIND, "/apis/apps/v1", "deployments")
SERVICES = Resource("Service", "/api/v1", "services")


def roll_out(cluster: Cluster, manifests: dict[str, Manifest], wait_seconds: float) -> bool:
    """Makes Deployment and Service what their manifests say; returns whether the Deployment had to be changed.

    The Service comes last: before there is a server there is nothing to lead to. Raises Refused.
    """
    manifest = manifests["deployment.yaml"]
    labels = manifest["spec"]["template"]["metadata"]["labels"]
    pods = ",".join(f"{key}={labels[key]}" for key in ("app.kubernetes.io/instance", "app.kubernetes.io/version"))
    changed = written_and_ready(cluster, DEPLOYMENTS, manifest, wait_seconds, missing, pods=pods)
    cluster.write(SERVICES, manifests["service.yaml"])
    return changed


def missing(written: Written, live: Manifest) -> str | None:
    """Tells what is still missing until all servers are of the new version and answer, as `kubectl rollout status` does."""
    status, wanted = live.get("status") or {}, live["spec"].get("replicas", 1)
    if status.get("observedGeneration", 0) < written.after["metadata"].get("generation", 0):
        return "the cluster has not taken up the new version"
    new, total, answering = (status.get(key, 0) for key in ("updatedReplicas", "replicas", "availableReplicas"))
    if new >= wanted and total <= new and answering >= wanted:
        return None
    told = [one.get("message", "").rstrip(".") for one in status.get("conditions") or () if _is_trouble(one)]
    return "; ".join([f"{min(new, answering)} of {wanted} servers of the new version answer", *filter(None, told)])


def _is_trouble(condition: dict[str, str]) -> bool:
    kind, status = condition.get("type"), condition.get("status")
    return (kind == "Progressing" and status == "False") or (kind == "ReplicaFailure" and status == "True")
