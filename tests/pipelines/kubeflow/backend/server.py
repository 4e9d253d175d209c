"""A server that answers as the backend of Kubeflow Pipelines does, over HTTP, and lets nothing pass that its API does not have.

Every request is checked against the specification, every answer too. Faults are put in front of requests one by one.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .answering import Answering
from .contract import Operation, Violation, check, operations
from .scenes import Scene, now, reported

CODES = {400: 3, 401: 16, 403: 7, 404: 5, 409: 6, 500: 13, 501: 12, 503: 14}
ABORTED = 10
"""HTTP statuses, and the canonical codes that the gateway makes them of."""
FIELDS = {"display_name", "created_at", "description", "state", "storage_state", "experiment_id", "namespace"}
NEVER = "1970-01-01T00:00:00Z"


class Failure(Exception):
    """An error of the backend: the message for the user, and the chain of what failed inside."""

    def __init__(self, status: int, message: str, inside: str = "", code: int | None = None) -> None:
        self.status, code = status, code or CODES[status]
        self.body = {
            "error": inside or message,
            "code": code,
            "message": inside or message,
            "details": [{"@type": "type.googleapis.com/google.rpc.Status", "code": code, "message": message}],
        }
        super().__init__(message)


@dataclass
class Fault:
    """What happens to the next request that fits, in place of an answer.

    `status`: an answer with it; `accepted`: the request takes effect before; `silence`: no answer until the client has gone.
    """

    method: str
    path: str
    status: int = 0
    accepted: bool = False
    silence: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class Backend:
    """The state of one Kubeflow."""

    tokens: dict[str, set[str]] = field(default_factory=dict)
    """Namespaces by token; without any, everybody may do everything."""
    faults: list[Fault] = field(default_factory=list)
    seen: list[tuple[str, str, Any]] = field(default_factory=list)
    """Method, path and body of every request."""
    violations: list[str] = field(default_factory=list)
    experiments: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    schedules: dict[str, dict[str, Any]] = field(default_factory=dict)
    story: list[Scene] = field(default_factory=list)
    """Scenes of every run: each look shows the next one, and the last one stays."""
    ended: dict[str, Scene] = field(default_factory=dict)
    """Scenes of single runs, by id, which have come to their end."""
    logs: dict[str, str] = field(default_factory=dict)
    """Logs by pod."""
    url: str = ""
    gone: threading.Event = field(default_factory=threading.Event)
    known: list[Operation] = field(default_factory=operations)

    def count(self, method: str, path: str) -> int:
        """How many requests there were."""
        return sum(1 for each in self.seen if each[0] == method and each[1] == path)

    # Answers. The names are those of the operations.

    def healthz_service_get_healthz(self, who: Who) -> Any:
        return {"multi_user": bool(who.backend.tokens)}

    def experiment_service_create_experiment(self, body: Any, who: Who, **_: str) -> Any:
        namespace = who.may(body.get("namespace", ""))
        if any(each["display_name"] == body["display_name"] for each in self._in(self.experiments, namespace)):
            said = f"The name {body['display_name']} already exists. Please specify a new name"
            raise Failure(409, f"Failed to create a new experiment. {said}")
        made = {**body, "experiment_id": str(uuid.uuid4()), "created_at": now(), "namespace": namespace}
        self.experiments[made["experiment_id"]] = made
        return made

    def experiment_service_list_experiments(self, who: Who, namespace: str = "", **asked: str) -> Any:
        return page("experiments", self._in(self.experiments, who.may(namespace)), asked)

    def run_service_create_run(self, body: Any, who: Who, **_: str) -> Any:
        namespace = self._experiment_of(body, who)
        spec = pipeline_of(body)
        check_parameters(spec, body.get("runtime_config", {}).get("parameters", {}))
        made = {**body, "run_id": str(uuid.uuid4()), "state": "PENDING", "created_at": now(), "finished_at": NEVER}
        made |= {"storage_state": "AVAILABLE", "scheduled_at": now(), "state_history": []}
        self.runs[made["run_id"]] = made
        reported(made, "PENDING")
        who.owns[made["run_id"]] = namespace
        return made

    def run_service_get_run(self, who: Who, run_id: str, **_: str) -> Any:
        run = self._found(self.runs, "Run", run_id, who)
        if run_id in self.ended:
            self._play(run, self.ended[run_id])
        elif self.story:
            self._play(run, self.story.pop(0) if len(self.story) > 1 else self.story[0])
        return run

    def run_service_list_runs(self, who: Who, namespace: str = "", experiment_id: str = "", **asked: str) -> Any:
        if experiment_id:
            who.may(self.experiments[experiment_id]["namespace"])
            inside = [run for run in self.runs.values() if run.get("experiment_id") == experiment_id]
        else:
            may = who.may(namespace)
            inside = [run for run in self.runs.values() if who.owns[run["run_id"]] == may]
        for run in inside:
            if run["run_id"] in self.ended:
                self._play(run, self.ended[run["run_id"]])
        return page("runs", inside, asked)

    def _play(self, run: dict[str, Any], scene: Scene) -> None:
        """The persistence agent reports the workflow of a run."""
        run["_scene"] = scene
        run["run_details"] = {"task_details": scene.details(run["run_id"])}
        reported(run, scene.state)

    def run_service_terminate_run(self, who: Who, run_id: str) -> Any:
        run = self._found(self.runs, "Run", run_id, who)
        if run["state"] not in ("PENDING", "RUNNING", "PAUSED", "RUNTIME_STATE_UNSPECIFIED"):
            raise Failure(400, f"Failed to terminate a run {run_id}. Row not found")
        run["state"] = "CANCELING"  # the history has it once the workflow is reported while it is being ended
        return {}

    def run_service_retry_run(self, who: Who, run_id: str) -> Any:
        run = self._found(self.runs, "Run", run_id, who)
        if run["state"] != "FAILED":
            inside = f"Failed to retry run {run_id}: BadRequestError: Workflow must be Failed/Error to retry"
            raise Failure(409, "Workflow must be Failed/Error to retry", inside, ABORTED)
        reported(run, "RUNNING")
        return {}

    def run_service_delete_run(self, who: Who, run_id: str, **_: str) -> Any:
        self._found(self.runs, "Run", run_id, who)
        del self.runs[run_id]
        return {}

    def recurring_run_service_create_recurring_run(self, body: Any, who: Who) -> Any:
        namespace = self._experiment_of(body, who)
        check_parameters(pipeline_of(body), body.get("runtime_config", {}).get("parameters", {}))
        concurrency = int(body.get("max_concurrency", 0))
        if not 1 <= concurrency <= 10:
            said = "Max concurrency of a recurring run must be at least 1 and at most 10"
            raise Failure(400, f"{said}. Received {concurrency}")
        if body.get("mode") not in ("ENABLE", "DISABLE"):
            raise Failure(400, "Recurring run's mode is not set")
        made = {**body, "recurring_run_id": str(uuid.uuid4()), "created_at": now(), "updated_at": now()}
        made |= {"status": "ENABLED" if body["mode"] == "ENABLE" else "DISABLED", "namespace": namespace}
        del made["mode"]
        self.schedules[made["recurring_run_id"]] = made
        return made

    def recurring_run_service_get_recurring_run(self, who: Who, recurring_run_id: str) -> Any:
        return self._found(self.schedules, "Job", recurring_run_id, who)

    def recurring_run_service_list_recurring_runs(self, who: Who, namespace: str = "", **asked: str) -> Any:
        return page("recurringRuns", self._in(self.schedules, who.may(namespace)), asked)

    def recurring_run_service_enable_recurring_run(self, who: Who, recurring_run_id: str) -> Any:
        self._found(self.schedules, "Job", recurring_run_id, who)["status"] = "ENABLED"
        return {}

    def recurring_run_service_disable_recurring_run(self, who: Who, recurring_run_id: str) -> Any:
        self._found(self.schedules, "Job", recurring_run_id, who)["status"] = "DISABLED"
        return {}

    def recurring_run_service_delete_recurring_run(self, who: Who, recurring_run_id: str) -> Any:
        self._found(self.schedules, "Job", recurring_run_id, who)
        del self.schedules[recurring_run_id]
        return {}

    def workflow(self, run_id: str) -> Any:
        """The run as version 1 of the API has it, with its Argo workflow."""
        manifest = self.runs[run_id].get("_scene", Scene("RUNNING")).manifest()
        return {"run": {"id": run_id}, "pipeline_runtime": {"workflow_manifest": manifest}}

    def log(self, pod: str) -> tuple[int, bytes]:
        """A log, or the error that the backend sends below a good status."""
        if pod not in self.logs:
            said = f"Failed to read logs for run: pods {pod} not found"
            return 200, json.dumps({"error_message": said, "error_details": said}).encode()
        return 200, self.logs[pod].encode()

    def _experiment_of(self, body: Any, who: Who) -> str:
        if body.get("experiment_id") not in self.experiments:
            raise Failure(404, f"Experiment {body.get('experiment_id')} not found")
        return who.may(self.experiments[body["experiment_id"]]["namespace"])

    def _in(self, things: dict[str, dict[str, Any]], namespace: str) -> list[dict[str, Any]]:
        return [each for each in things.values() if each.get("namespace", "") == namespace]

    def _found(self, things: dict[str, dict[str, Any]], kind: str, key: str, who: Who) -> dict[str, Any]:
        if key not in things:
            raise Failure(
                404, f"{kind} {key} not found", f"Failed to get: ResourceNotFoundError: {kind} {key} not found"
            )
        found = things[key]
        who.may(found.get("namespace") or who.owns.get(key, ""))
        return found


OWNS: dict[str, str] = {}


@dataclass
class Who:
    """Who asks, and what they may do."""

    backend: Backend
    namespaces: set[str]
    owns: dict[str, str] = field(default_factory=lambda: OWNS)

    def may(self, namespace: str) -> str:
        """Returns the namespace, or fails as the backend with several users does."""
        if not self.backend.tokens:
            return ""
        if not namespace:
            raise Failure(400, "A run cannot have an empty namespace in multi-user mode")
        if namespace not in self.namespaces:
            said = "User 'ada@example.com' is not authorized with reason:"
            attributes = (
                f"(request: &ResourceAttributes{{Namespace:{namespace},Verb:create,Group:pipelines.kubeflow.org,}})"
            )
            raise Failure(403, f"{said} {attributes}", f"Failed to authorize: PermissionDenied: {said} {attributes}")
        return namespace


def pipeline_of(body: Any) -> Any:
    spec = body.get("pipeline_spec", {})
    spec = spec.get("pipeline_spec", spec)
    if "pipelineInfo" not in spec or "schemaVersion" not in spec:
        raise Failure(
            400, "Failed to fetch a template with an invalid pipeline spec manifest", "unknown template format"
        )
    return spec


def check_parameters(spec: Any, given: dict[str, Any]) -> None:
    """The backend checks names and types too, when it makes the workflow."""
    known = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    types = {
        "STRING": str,
        "NUMBER_INTEGER": int,
        "NUMBER_DOUBLE": (int, float),
        "BOOLEAN": bool,
        "LIST": list,
        "STRUCT": dict,
    }
    for name, value in given.items():
        if name not in known:
            raise Failure(400, f"parameter {name} is not in pipeline input definitions")
        if not isinstance(value, types[known[name]["parameterType"]]):
            raise Failure(400, f"input parameter {name} requires type {known[name]['parameterType']}")


def page(name: str, things: list[dict[str, Any]], asked: dict[str, str]) -> Any:
    if asked.get("filter"):
        wanted = json.loads(asked["filter"])
        check(wanted, "V2beta1Filter", "filter")
        for predicate in wanted["predicates"]:
            if predicate["key"] not in FIELDS or predicate["operation"] != "EQUALS":
                raise Failure(400, f'no support for filtering on unrecognized field "{predicate["key"]}"')
            things = [each for each in things if each.get(predicate["key"]) == predicate["string_value"]]
    if asked.get("sort_by"):
        key, _, order = asked["sort_by"].partition(" ")
        if key not in FIELDS or order not in ("", "asc", "desc"):
            raise Failure(400, f"Invalid sorting field: {asked['sort_by']!r}")
        things = sorted(things, key=lambda each: str(each[key]), reverse=order == "desc")
    size = min(int(asked.get("page_size") or 20), 200)
    start = int(asked.get("page_token") or 0)
    more = {"next_page_token": str(start + size)} if start + size < len(things) else {}
    return {name: things[start : start + size], "total_size": len(things), **more}


class Handler(Answering):
    protocol_version = "HTTP/1.1"
    backend: Backend

    def _serve(self) -> None:
        split = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        self.backend.seen.append((self.command, split.path, body))
        fault = self._fault(split.path)
        if fault is not None and not fault.accepted:
            self._fail(fault)
            return
        status, kind, answer = self._answer(split.path, parse_qs(split.query, keep_blank_values=True), body)
        if fault is not None:
            self._fail(fault)
        else:
            self._send(status, answer, {"Content-Type": kind})

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - names of http.server

    def _fault(self, path: str) -> Fault | None:
        for fault in self.backend.faults:
            if fault.method == self.command and re.search(fault.path, path):
                self.backend.faults.remove(fault)
                return fault
        return None

    def _fail(self, fault: Fault) -> None:
        if fault.silence:
            self.backend.gone.wait(60)
        if fault.status:
            self._send(fault.status, fault.body, fault.headers)
        self.close_connection = True

    def _answer(self, path: str, queries: dict[str, list[str]], body: Any) -> tuple[int, str, bytes]:
        try:
            who = self._who()
            log = re.fullmatch(r"/apis/v1alpha1/runs/[^/]+/nodes/([^/]+)/log", path)
            if log:
                status, text = self.backend.log(log[1])
                return status, "text/plain", text
            if path == "/k8s/pod/logs":  # the front end's own way, where it stands before the API
                return 500, "text/html; charset=utf-8", b"Could not get main container logs: HTTP request failed"
            first = re.fullmatch(r"/apis/v1beta1/runs/([^/]+)", path)
            answer = self.backend.workflow(first[1]) if first else self._operated(path, queries, body, who)
            return 200, "application/json", json.dumps(answer).encode()
        except Failure as failure:
            return failure.status, "application/json", json.dumps(failure.body).encode()
        except Violation as violation:
            self.backend.violations.append(str(violation))
            return 400, "application/json", json.dumps(Failure(400, f"proto: {violation}").body).encode()

    def _who(self) -> Who:
        if not self.backend.tokens:
            return Who(self.backend, set())
        token = (self.headers.get("authorization") or "").removeprefix("Bearer ")
        if token not in self.backend.tokens:
            inside = (
                "Failed to authorize with API: Unauthenticated: Request header error: there is no user identity header"
            )
            raise Failure(401, "Authentication request failed", inside)
        return Who(self.backend, self.backend.tokens[token])

    def _operated(self, path: str, queries: dict[str, list[str]], body: Any, who: Who) -> Any:
        for operation in self.backend.known:
            found = operation.path.match(path) if operation.method == self.command else None
            if found is None:
                continue
            unknown = set(queries) - operation.queries
            if unknown or (body is not None) != (operation.body is not None):
                raise Violation(f"{operation.name}: unknown query {unknown} or a body that is not as it should be")
            given: dict[str, Any] = {name: values[0] for name, values in queries.items()} | found.groupdict()
            if operation.body is not None:
                check(body, operation.body, "body")
                given["body"] = body
            answer = getattr(self.backend, operation.name)(who=who, **given)
            shown = without_inner(answer)
            check(shown, operation.answer, "answer")
            return shown
        raise Violation(f"{self.command} {path}: no operation of the API")


def without_inner(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_inner(each) for key, each in value.items() if not key.startswith("_")}
    return [without_inner(each) for each in value] if isinstance(value, list) else value


@contextlib.contextmanager
def serving(backend: Backend, wrap: Callable[[Any], Any] = lambda each: each) -> Iterator[Backend]:
    """Answers on a free port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("BackendHandler", (Handler,), {"backend": backend}))
    server.daemon_threads = True
    server.socket = wrap(server.socket)
    backend.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield backend
    finally:
        backend.gone.set()
        server.shutdown()
        thread.join()
        server.server_close()
