"""Kubernetes manifests that serve one version of a model by TensorFlow Serving, closed by default.

No root, no privileges, a root file system that nothing writes to, no token of the service account, and every container
with a limit. `push` applies them; whoever deploys from a repository takes the same files from the PushedModel artifact.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import yaml

from stellwerk.spec.push import Push
from stellwerk.spec.serving import KServe, Kubernetes, ServedSection

Manifest = dict[str, Any]

OWNER = {"app.kubernetes.io/managed-by": "stellwerk"}
MOUNTED = "/mnt/models"
"""Where KServe, and its program that fetches models, put the files of the model."""
REST_PORT, GRPC_PORT = 8501, 8500
KSERVE_PORT = 8080
USER = 1000

LINKED = 'ln -sfn "$0" "/versions/$1" && shift && exec tensorflow_model_server "$@"'
"""KServe mounts one version without its number; TensorFlow Serving wants a folder named as the number."""


@dataclass(frozen=True)
class Release:
    """One version of a model, as a cluster needs to know it."""

    model: str
    """Name of the model in TensorFlow Serving's API."""
    version: int
    digest: str
    """Digest of the Model artifact."""


def manifests(push: Push, release: Release) -> dict[str, Manifest]:
    """Returns what serves `release`, by file name: one manifest for each kind that `push.kserve` and `.kubernetes` ask for."""
    made: dict[str, Manifest] = {}
    if push.kserve is not None:
        made["inference-service.yaml"] = inference_service(push, push.kserve, release)
    if push.kubernetes is not None:
        made["deployment.yaml"] = deployment(push, push.kubernetes, release)
        made["service.yaml"] = service(push.kubernetes, release)
    return made


def as_yaml(manifest: Manifest) -> str:
    """Returns a manifest as YAML, with its keys in the order they are usually read."""
    return yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=120)


def storage_uri(push: Push, section: ServedSection, release: Release) -> str:
    """Returns where the cluster finds the files of the version."""
    return f"{(section.storage_uri or push.to).rstrip('/')}/{release.model}/{release.version}"


def inference_service(push: Push, section: KServe, release: Release) -> Manifest:
    """Returns a KServe InferenceService with a container of its own, so that no runtime of the cluster changes what is served."""
    arguments = ["-c", LINKED, MOUNTED, str(release.version), *_flags(release, "/versions", GRPC_PORT, KSERVE_PORT)]
    container = {
        "name": "kserve-container",
        "image": section.image,
        "command": ["/bin/sh"],
        "args": arguments,
        "env": [{"name": "STORAGE_URI", "value": storage_uri(push, section, release)}],
        "ports": [{"name": "http1", "containerPort": KSERVE_PORT, "protocol": "TCP"}],
        "readinessProbe": _answers(release, KSERVE_PORT),
        "resources": _resources(section),
        "securityContext": _closed(),
        "volumeMounts": [_mount("versions", "/versions"), _mount("temporary", "/tmp")],  # noqa: S108 - in the container
    }
    predictor: Manifest = {"minReplicas": 1}
    if section.canary_percent is not None:
        predictor["canaryTrafficPercent"] = section.canary_percent
    predictor |= _pod(section) | {"containers": [container], "volumes": [_empty("versions"), _empty("temporary")]}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": _metadata(section, release),
        "spec": {"predictor": predictor},
    }


def deployment(push: Push, section: Kubernetes, release: Release) -> Manifest:
    """Returns a Deployment: an init container fetches the version (a claim is mounted instead), then the server starts."""
    uri = storage_uri(push, section, release)
    at = f"/models/{release.model}/{release.version}"
    server = {
        "name": "server",
        "image": section.image,
        "command": ["tensorflow_model_server"],
        "args": _flags(release, f"/models/{release.model}", GRPC_PORT, REST_PORT),
        "ports": [
            {"name": "grpc", "containerPort": GRPC_PORT, "protocol": "TCP"},
            {"name": "http", "containerPort": REST_PORT, "protocol": "TCP"},
        ],
        "startupProbe": _answers(release, REST_PORT) | {"periodSeconds": 2, "failureThreshold": section.wait_seconds},
        "readinessProbe": _answers(release, REST_PORT),
        "livenessProbe": {"tcpSocket": {"port": GRPC_PORT}, "periodSeconds": 10, "failureThreshold": 6},
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", "5"]}}},
        "resources": _resources(section),
        "securityContext": _closed(),
        "volumeMounts": [{**_mount("model", at), "readOnly": True}, _mount("temporary", "/tmp")],  # noqa: S108
    }
    pod = _pod(section) | {"securityContext": {"runAsNonRoot": True, "runAsUser": USER, "fsGroup": USER}}
    if uri.startswith("pvc://"):
        claim, _, folder = uri.removeprefix("pvc://").partition("/")
        server["volumeMounts"][0]["subPath"] = folder  # type: ignore[index]
        model: Manifest = {"name": "model", "persistentVolumeClaim": {"claimName": claim, "readOnly": True}}
    else:
        pod["initContainers"] = [_fetching(section, uri)]
        model = _empty("model")
    pod |= {"containers": [server], "volumes": [model, _empty("temporary")]}
    metadata = _metadata(section, release)
    selector = {"app.kubernetes.io/instance": metadata["name"]}
    labels, annotations = metadata["labels"], metadata["annotations"]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "replicas": section.replicas,
            "progressDeadlineSeconds": section.wait_seconds,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "selector": {"matchLabels": selector},
            "template": {
                "metadata": {"labels": dict(labels), "annotations": dict(annotations)},
                "spec": pod,
            },
        },
    }


def service(section: Kubernetes, release: Release) -> Manifest:
    """Returns the Service in front of the Deployment, with TensorFlow Serving's usual ports."""
    metadata = _metadata(section, release)
    ports = [("grpc", GRPC_PORT), ("http", REST_PORT)]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {
            "type": "ClusterIP",
            "selector": {"app.kubernetes.io/instance": metadata["name"]},
            "ports": [{"name": name, "port": port, "targetPort": name, "protocol": "TCP"} for name, port in ports],
        },
    }


def _fetching(section: Kubernetes, uri: str) -> Manifest:
    container: Manifest = {
        "name": "fetch",
        "image": section.fetch_image,
        "args": [uri, MOUNTED],
        "env": [{"name": "HOME", "value": "/tmp"}],  # noqa: S108 - the only other place that may be written
        "resources": _resources(section),
        "securityContext": _closed(),
        "volumeMounts": [_mount("model", MOUNTED), _mount("temporary", "/tmp")],  # noqa: S108
    }
    if section.credentials_secret is not None:
        container["envFrom"] = [{"secretRef": {"name": section.credentials_secret}}]
    return container


def _metadata(section: ServedSection, release: Release) -> Manifest:
    name = section.service or release.model
    labels = {
        "app.kubernetes.io/name": release.model,
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/version": str(release.version),
        **OWNER,
    }
    annotations = {"stellwerk/model-digest": release.digest}
    return {"name": name, "namespace": section.namespace, "labels": labels, "annotations": annotations}


def _pod(section: ServedSection) -> Manifest:
    account = {} if section.service_account is None else {"serviceAccountName": section.service_account}
    return {**account, "automountServiceAccountToken": False, "enableServiceLinks": False}


def _flags(release: Release, base: str, grpc: int, rest: int) -> list[str]:
    places = [f"--model_name={release.model}", f"--model_base_path={base}"]
    return [*places, f"--port={grpc}", f"--rest_api_port={rest}", "--file_system_poll_wait_seconds=0"]


def _answers(release: Release, port: int) -> Manifest:
    """A probe that only a loaded model passes: the status of a model is told before it is loaded, its metadata is not."""
    get = {"path": f"/v1/models/{release.model}/metadata", "port": port, "scheme": "HTTP"}
    return {"httpGet": get, "periodSeconds": 5, "timeoutSeconds": 5, "failureThreshold": 3}


def _closed() -> Manifest:
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _resources(section: ServedSection) -> Manifest:
    """Requests are limits: a server that is pushed aside answers late."""
    number, unit = section.memory.rstrip("KMGTi"), section.memory.lstrip("0123456789.")
    memory = f"{Decimal(number).normalize():f}{'k' if unit == 'K' else unit}"
    millis = round(section.cpu * 1000)
    amounts = {"cpu": str(millis // 1000) if millis % 1000 == 0 else f"{millis}m", "memory": memory}
    return {"requests": copy.copy(amounts), "limits": amounts}


def _mount(name: str, path: str) -> Manifest:
    return {"name": name, "mountPath": path}


def _empty(name: str) -> Manifest:
    return {"name": name, "emptyDir": {}}
