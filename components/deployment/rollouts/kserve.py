"""A KServe InferenceService: created or changed, awaited, put back."""

from __future__ import annotations

from typing import Any

from stellwerk.components.deployment.rollouts.cluster import Cluster, Resource, Written
from stellwerk.components.deployment.rollouts.waiting import written_and_ready
from stellwerk.serving.manifests import Manifest

KIND = "InferenceService"
SERVICES = Resource(KIND, "/apis/serving.kserve.io/v1beta1", "inferenceservices", "Install KServe on it")
TRAFFIC = ("canaryTrafficPercent", "minReplicas", "maxReplicas")
"""Keys of a predictor that change no pod."""


def roll_out(cluster: Cluster, manifests: dict[str, Manifest], wait_seconds: float) -> bool:
    """Makes the InferenceService what its manifest says; returns whether it had to be changed. Raises Refused."""
    manifest = manifests["inference-service.yaml"]
    pods = f"serving.kserve.io/inferenceservice={manifest['metadata']['name']}"
    return written_and_ready(cluster, SERVICES, manifest, wait_seconds, missing, pods=pods)


def missing(written: Written, live: Manifest) -> str | None:
    """Tells what is still missing. KServe leaves Ready as it was until it sees a change: new pods need a new revision."""
    status = live.get("status") or {}
    predictor = (status.get("components") or {}).get("predictor") or {}
    created, ready = predictor.get("latestCreatedRevision"), predictor.get("latestReadyRevision")
    new_pods = written.before is not None and _pods(written.before) != _pods(written.after)
    if new_pods and _seen(written.before) == _seen(live):
        return "KServe has not taken up the new version"
    conditions = {one["type"]: one for one in status.get("conditions") or ()}
    if conditions.get("Ready", {}).get("status") == "True" and created == ready:
        return None
    return _why(status, conditions) or "KServe says nothing of its state"


def _pods(service: Manifest) -> dict[str, Any]:
    return {key: value for key, value in service["spec"]["predictor"].items() if key not in TRAFFIC}


def _seen(service: Manifest | None) -> tuple[Any, Any]:
    """What changes in the status with every change of the pods: the revision, or the generation of the Deployment."""
    status = (service or {}).get("status") or {}
    predictor = (status.get("components") or {}).get("predictor") or {}
    return predictor.get("latestCreatedRevision"), status.get("observedGeneration")


def _why(status: dict[str, Any], conditions: dict[str, dict[str, Any]]) -> str:
    failure = (status.get("modelStatus") or {}).get("lastFailureInfo") or {}
    reasons = [failure.get("message") or failure.get("reason")]
    for kind, condition in conditions.items():
        if condition.get("status") != "True":
            said = condition.get("message") or condition.get("reason")
            reasons.append(f"{kind} ({said.strip().rstrip('.')})" if said else kind)
    return "; ".join(dict.fromkeys(reason for reason in reasons if reason))
