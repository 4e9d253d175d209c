"""A Kubernetes API server on this machine: it keeps objects, defaults and counts them as the real one does, and plays controllers."""

from __future__ import annotations

import copy
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from stellwerk.components.deployment.rollouts import waiting

NAMES = {"deployments": "Deployment", "services": "Service", "inferenceservices": "InferenceService", "pods": "Pod"}


@dataclass
class Api:
    """What the server keeps, what it was asked, and how its controllers behave."""

    address: str = ""
    objects: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    """(namespace, plural, name) -> object"""
    asked: list[tuple[str, str]] = field(default_factory=list)
    namespaces: set[str] = field(default_factory=lambda: {"ml"})
    groups: set[str] = field(default_factory=lambda: {"/api/v1", "/apis/apps/v1", "/apis/serving.kserve.io/v1beta1"})
    refuse: Callable[[str, str], int | None] = field(default=lambda method, plural: None)
    comes_after: float | None = 0.0
    """Seconds after which a new version answers; None: never."""
    broken: set[str] = field(default_factory=set)
    """Images that cannot be pulled."""
    revisions: bool = True
    """Whether KServe is in its serverless mode."""
    conflicts: int = 0
    """So many writes meet one of somebody else."""
    meanwhile: Callable[[dict[str, Any]], None] | None = None
    """What somebody else does to an object once it was read after a write."""
    pods: list[dict[str, Any]] = field(default_factory=list)

    def find(self, plural: str, name: str = "late") -> dict[str, Any] | None:
        """An object in the namespace `ml`."""
        return self.objects.get(("ml", plural, name))

    def writes(self, plural: str) -> list[str]:
        """The methods that changed objects of a kind, in order."""
        return [method for method, path in self.asked if f"/{plural}" in path and method != "GET"]

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Answers one request with a status and JSON, or text."""
        self.asked.append((method, path))
        prefix, _, rest = path.partition("?")[0].partition("/namespaces/")
        namespace, plural, name = (*rest.split("/"), "")[:3]
        refused = self.refuse(method, plural)
        if refused is not None:
            return refused, _status(refused, f'{plural} is forbidden: User "ada" cannot {method}', plural)
        if prefix not in self.groups:
            return 404, "404 page not found\n"
        if plural == "pods":
            return 200, {"kind": "PodList", "items": self.pods}
        key = (namespace, plural, name or (body or {}).get("metadata", {}).get("name", ""))
        return getattr(self, f"_{method.lower()}")(key, body)

    def _get(self, key: tuple[str, str, str], body: Any) -> tuple[int, Any]:
        found = self.objects.get(key)
        if found is None:
            return 404, _status(404, f'{key[1]} "{key[2]}" not found', key[1])
        self._control(key[1], found)
        return 200, found

    def _post(self, key: tuple[str, str, str], body: Any) -> tuple[int, Any]:
        if key[0] not in self.namespaces:
            return 404, _status(404, f'namespaces "{key[0]}" not found', "namespaces")
        if key in self.objects:
            return 409, _status(409, f'{key[1]} "{key[2]}" already exists', key[1])
        if "resourceVersion" in body["metadata"]:
            return 400, _status(400, "resourceVersion should not be set on objects to be created", key[1])
        kept = copy.deepcopy(body)
        kept["metadata"] |= {"generation": 1, "resourceVersion": "1", "uid": f"uid of {key[2]}"}
        kept["status"] = {}
        self.objects[key] = _defaulted(kept)
        self._written(kept)
        return 201, copy.deepcopy(kept)

    def _put(self, key: tuple[str, str, str], body: Any) -> tuple[int, Any]:
        kept = self.objects.get(key)
        if kept is None:
            return 404, _status(404, f'{key[1]} "{key[2]}" not found', key[1])
        if self.conflicts:
            self.conflicts -= 1
            kept["metadata"]["resourceVersion"] = str(int(kept["metadata"]["resourceVersion"]) + 1)
        if body["metadata"].get("resourceVersion") != kept["metadata"]["resourceVersion"]:
            return 409, _status(
                409, "the object has been modified; please apply your changes to the latest version", key[1]
            )
        new = _defaulted(copy.deepcopy(body))
        if key[1] == "services" and new["spec"].get("clusterIP") != kept["spec"]["clusterIP"]:
            return 422, _status(422, "spec.clusterIP: Invalid value: field is immutable", key[1])
        changed = new["spec"] != kept["spec"]
        version = int(kept["metadata"]["resourceVersion"]) + 1
        generation = kept["metadata"]["generation"] + changed
        new["metadata"] |= {"generation": generation, "resourceVersion": str(version), "uid": kept["metadata"]["uid"]}
        new["status"] = kept["status"]
        self.objects[key] = new
        if changed:
            self._written(new)
        return 200, copy.deepcopy(new)

    def _delete(self, key: tuple[str, str, str], body: Any) -> tuple[int, Any]:
        if self.objects.pop(key, None) is None:
            return 404, _status(404, f'{key[1]} "{key[2]}" not found', key[1])
        return 200, {"kind": "Status", "status": "Success"}

    def _written(self, kept: dict[str, Any]) -> None:
        kept["metadata"]["written"] = time.monotonic()

    def _control(self, plural: str, kept: dict[str, Any]) -> None:
        """Plays the controller: brings the status nearer to the spec."""
        age = time.monotonic() - kept["metadata"].get("written", 0.0)
        image = _image(plural, kept)
        ready = self.comes_after is not None and age >= self.comes_after and image not in self.broken
        if plural == "deployments":
            _control_deployment(kept, ready)
        if plural == "inferenceservices" and age > 0.05:
            _control_service(kept, ready, image, self.revisions)
        if self.meanwhile is not None:
            self.meanwhile(kept)


def _control_deployment(kept: dict[str, Any], ready: bool) -> None:
    replicas = kept["spec"]["replicas"]
    status = {"observedGeneration": kept["metadata"]["generation"], "replicas": replicas + (not ready)}
    conditions = [{"type": "Available", "status": "True", "message": "has minimum availability"}]
    if not ready:
        conditions.append(
            {"type": "Progressing", "status": "False", "message": "ReplicaSet has timed out progressing."}
        )
    kept["status"] = {**status, "updatedReplicas": replicas, "availableReplicas": replicas - (not ready)}
    kept["status"]["conditions"] = conditions


def _control_service(kept: dict[str, Any], ready: bool, image: str, revisions: bool) -> None:
    pods = {key: value for key, value in kept["spec"]["predictor"].items() if key != "canaryTrafficPercent"}
    status = kept["status"]
    if status.get("pods") != pods:
        number = int(status.get("revision", 0)) + 1
        status |= {"pods": copy.deepcopy(pods), "revision": number}
    created = f"late-predictor-{status['revision']:05d}"
    predictor = status.setdefault("components", {}).setdefault("predictor", {})
    status["observedGeneration"] = status["revision"]
    if revisions:
        predictor["latestCreatedRevision"] = created
    if ready and revisions:
        predictor["latestReadyRevision"] = created
    said = {} if ready else {"reason": "RevisionFailed", "message": f'Unable to fetch image "{image}": not found.'}
    status["conditions"] = [{"type": "Ready", "status": "True" if ready else "False", **said}]


def _image(plural: str, kept: dict[str, Any]) -> str:
    if plural == "services":
        return ""
    pod = kept["spec"]["predictor"] if plural == "inferenceservices" else kept["spec"]["template"]["spec"]
    return str(pod["containers"][0]["image"])


def _defaulted(kept: dict[str, Any]) -> dict[str, Any]:
    if kept["kind"] == "Service":
        kept["spec"].setdefault("clusterIP", "10.0.0.7")
    if kept["kind"] == "Deployment":
        kept["spec"].setdefault("revisionHistoryLimit", 10)
        kept["spec"]["template"]["spec"].setdefault("dnsPolicy", "ClusterFirst")
    return kept


def _status(code: int, message: str, kind: str) -> dict[str, Any]:
    return {"kind": "Status", "status": "Failure", "code": code, "message": message, "details": {"kind": kind}}


@pytest.fixture(scope="session")
def api_server() -> Iterator[list[Api]]:
    """The server; its first entry answers."""
    apis = [Api()]

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            if self.headers.get("Authorization") != "Bearer right":
                status, content = 401, _status(401, "Unauthorized", "")
            else:
                status, content = apis[0].answer(self.command, self.path, body)
            data = content.encode() if isinstance(content, str) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    apis[0].address = f"http://127.0.0.1:{server.server_port}"
    yield apis
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def use_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Writes a kubeconfig and makes it the one that is used."""

    def use(address: str, token: str = "right") -> None:
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "clusters": [{"name": "here", "cluster": {"server": address}}],
            "users": [{"name": "ada", "user": {"token": token}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "ada"}}],
        }
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))

    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    return use


@pytest.fixture
def api(api_server: list[Api], use_cluster: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Api:
    """An empty cluster with the namespace `ml`."""
    api_server[0] = Api(api_server[0].address)
    use_cluster(api_server[0].address)
    monkeypatch.setattr(waiting, "POLL_SECONDS", 0.02)
    return api_server[0]
