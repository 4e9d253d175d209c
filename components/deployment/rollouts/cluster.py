"""A Kubernetes cluster: reads, writes and watches single objects as plain JSON, and says in a sentence what it refuses."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stellwerk.components.certificates import LENIENT_CA, is_lenient, not_as_asked, relaxed
from stellwerk.serving.manifests import OWNER, Manifest

ATTEMPTS = 5
TIMEOUT = (5, 30)
"""Seconds to connect, and to wait for an answer."""


class Refused(Exception):
    """The cluster said no, or a rollout failed: a sentence without a full stop, with what to do."""


class Unreachable(Refused):
    """The cluster did not answer; it may later."""


@dataclass(frozen=True)
class Resource:
    """A kind of object in the Kubernetes API."""

    kind: str
    api: str
    """`/api/v1` or `/apis/GROUP/VERSION`."""
    plural: str
    missing: str = ""
    """What to do where the cluster does not know this kind."""


@dataclass(frozen=True)
class Written:
    """An object before and after it was written, as the cluster keeps it."""

    before: Manifest | None
    after: Manifest


class Cluster:
    """The cluster of a context of the kubeconfig (None: the current one; inside a cluster, that cluster)."""

    def __init__(self, context: str | None) -> None:
        from kubernetes import client, config  # noqa: PLC0415 - one to two seconds, only for who deploys

        configuration = client.Configuration()
        configuration.retries = 1
        inside = context is None and "KUBERNETES_SERVICE_HOST" in os.environ and "KUBECONFIG" not in os.environ
        try:
            if inside:
                config.load_incluster_config(client_configuration=configuration)
            else:
                config.load_kube_config(os.environ.get("KUBECONFIG"), context, configuration)
        except (config.ConfigException, OSError, ValueError) as error:
            said = str(error).splitlines()[0].rstrip(".")
            raise Refused(f"no cluster is configured ({said}). Set KUBECONFIG, or name a context") from error
        self.client = client.ApiClient(configuration)
        if is_lenient(os.environ):
            from urllib3.util import create_urllib3_context  # noqa: PLC0415

            # The client loads authorities and certificates into the context that it is given.
            self.client.rest_client.pool_manager.connection_pool_kw["ssl_context"] = relaxed(create_urllib3_context())

    def read(self, resource: Resource, namespace: str, name: str) -> Manifest | None:
        """Returns an object, or None where there is none of that name."""
        found: Manifest | None = self._ask("get", resource, namespace, name, none_for_404=True)
        return found

    def write(self, resource: Resource, manifest: Manifest) -> Written:
        """Creates an object, or makes one that Stellwerk made what `manifest` says. Others are left alone."""
        namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
        for _ in range(ATTEMPTS):
            before = self.read(resource, namespace, name)
            with contextlib.suppress(_Conflict):
                if before is None:
                    return Written(None, self._ask("create", resource, namespace, body=manifest))
                if not OWNER.items() <= (before["metadata"].get("labels") or {}).items():
                    message = f"there is a {resource.kind} of that name that Stellwerk did not make"
                    raise Refused(f"{message}. Remove it, or change `service`")
                return Written(before, self._ask("update", resource, namespace, name, _over(before, manifest)))
        raise Refused(f"another program keeps changing the {resource.kind}. Push again")

    def remove(self, resource: Resource, namespace: str, name: str) -> None:
        """Removes an object, with what it owns."""
        self._ask("delete", resource, namespace, name, {"propagationPolicy": "Background"}, none_for_404=True)

    def troubles(self, namespace: str, selector: str) -> list[str]:
        """Returns why the containers of some pods do not run, each once; nothing where pods may not be listed."""
        try:
            listed = self._ask(
                "list", Resource("Pod", "/api/v1", "pods"), namespace, query=[("labelSelector", selector)]
            )
        except Refused:
            return []
        found: dict[str, None] = {}
        for pod in listed.get("items", ()):
            status = pod.get("status", {})
            for container in [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]:
                waiting = container.get("state", {}).get("waiting") or {}
                ended = container.get("lastState", {}).get("terminated") or {}
                if waiting.get("reason") not in (None, "PodInitializing", "ContainerCreating"):
                    said = (ended.get("message") or waiting.get("message") or "").strip().splitlines()
                    found[f"{container['name']}: {waiting['reason']}{f' ({said[-1][:300]})' if said else ''}"] = None
        return list(found)

    def _ask(
        self,
        verb: str,
        resource: Resource,
        namespace: str,
        name: str = "",
        body: Any = None,
        *,
        query: list[tuple[str, str]] | None = None,
        none_for_404: bool = False,
    ) -> Any:
        method = {"create": "POST", "update": "PUT", "delete": "DELETE"}.get(verb, "GET")
        path = f"{resource.api}/namespaces/{namespace}/{resource.plural}{f'/{name}' if name else ''}"
        with _told(verb, resource, namespace, none_for_404=none_for_404):
            return self.client.call_api(
                path,
                method,
                query_params=query or [],
                header_params={"Accept": "application/json", "Content-Type": "application/json"},
                body=body,
                response_type="object",
                auth_settings=["BearerToken"],
                _return_http_data_only=True,
                _request_timeout=TIMEOUT,
            )
        return None


class _Conflict(Exception):
    """Somebody else was faster."""


def _over(before: Manifest, manifest: Manifest) -> Manifest:
    """Returns `manifest` as the successor of `before`: foreign labels stay, and so does what the cluster put into a Service."""
    metadata = {**before["metadata"]}
    for key in ("labels", "annotations"):
        metadata[key] = {**(metadata.get(key) or {}), **(manifest["metadata"].get(key) or {})}
    spec = {**before["spec"], **manifest["spec"]} if manifest["kind"] == "Service" else manifest["spec"]
    return {**manifest, "metadata": metadata, "spec": spec}


@contextlib.contextmanager
def _told(verb: str, resource: Resource, namespace: str, *, none_for_404: bool) -> Iterator[None]:
    from kubernetes.client.exceptions import ApiException  # noqa: PLC0415
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    try:
        yield
    except HTTPError as error:
        untrusted = not_as_asked(error, f"{LENIENT_CA}=1 among the variables of push (cluster.steps.push.env)")
        if untrusted is not None:
            raise Refused(f"the cluster cannot be trusted: {untrusted}") from error
        raise Unreachable(
            f"the cluster cannot be reached ({str(error)[:300].rstrip('.')}). Check the network"
        ) from error
    except ApiException as error:
        said, of = _status(error.body)
        if error.status == 404 and of == resource.plural and none_for_404:
            return
        if error.status == 409 and verb in ("create", "update"):
            raise _Conflict from error
        raise _refusal(error.status, said, of, verb=verb, resource=resource, namespace=namespace) from error


def _refusal(status: int, said: str, of: str, *, verb: str, resource: Resource, namespace: str) -> Refused:
    if status == 401:
        return Refused(f"the cluster does not know these credentials ({said}). Log in to it again")
    if status == 403:
        return Refused(
            f"this user may not {verb} {resource.plural} in namespace {namespace} ({said}). Ask for that right"
        )
    if status == 404 and of == "namespaces":
        return Refused(f"there is no namespace {namespace}. Create it, or change `namespace`")
    if status == 404:
        return Refused(f"the cluster does not know {resource.plural} ({said}). {resource.missing}".rstrip(". "))
    if status == 429 or status >= 500:
        return Unreachable(f"the cluster is in trouble (HTTP {status}: {said}). Push again later")
    return Refused(f"the cluster refuses to {verb} the {resource.kind} (HTTP {status}: {said})")


def _status(body: Any) -> tuple[str, str]:
    """Returns what a Status object of the API says, and the kind of what it is about."""
    try:
        status = json.loads(body)
        return str(status.get("message") or "").rstrip("."), str((status.get("details") or {}).get("kind") or "")
    except (TypeError, ValueError, AttributeError):
        return str(body or "no reason given").strip()[:300].rstrip("."), ""
