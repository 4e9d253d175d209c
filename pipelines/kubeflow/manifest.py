"""The GitOps form of a pipeline: the Kubernetes objects that KFP's API server watches, for `kubectl apply` or Argo CD."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

API = "pipelines.kubeflow.org/v2beta1"


def objects(ir: Sequence[Mapping[str, Any]], namespace: str | None = None) -> list[dict[str, Any]]:
    """Returns the Pipeline and the PipelineVersion that hold an IR.

    KFP lets nobody change the IR of a PipelineVersion: its name ends in a digest, so that another pipeline is another version
    and the same one is applied again without effect.
    """
    spec = ir[0]
    name, description = spec["pipelineInfo"]["name"], spec["pipelineInfo"].get("description", "")
    digest = hashlib.sha256(json.dumps(ir, sort_keys=True).encode()).hexdigest()[:10]
    version = f"{name}-{digest}"
    place = {"namespace": namespace} if namespace else {}
    held = {"pipelineSpec": spec, **({"platformSpec": ir[1]} if len(ir) > 1 else {})}
    return [
        {
            "apiVersion": API,
            "kind": "Pipeline",
            "metadata": {"name": name, **place},
            "spec": {"displayName": name, "description": description},
        },
        {
            "apiVersion": API,
            "kind": "PipelineVersion",
            "metadata": {"name": version, **place},
            "spec": {"displayName": version, "description": description, "pipelineName": name, **held},
        },
    ]
