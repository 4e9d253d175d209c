"""Kubeflow's own generated client, asked with patience: what may be repeated is, and nothing takes effect twice.

`kfp.Client` stands on the same generated client. It is not used: importing it takes seconds, as it brings all of the
Kubernetes API, and making one reads a kubeconfig, a file of its own in the home directory, prints, and warns.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import kfp_server_api
import urllib3

from stellwerk.errors import ClusterError
from stellwerk.pipelines.kubeflow.submission.connection import Connection
from stellwerk.pipelines.kubeflow.submission.credentials import Away
from stellwerk.pipelines.kubeflow.submission.refusals import Refused, is_not_known, refusal
from stellwerk.pipelines.kubeflow.submission.transport import BUSY, Trouble, generated, trouble

T = TypeVar("T")

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 15.0
FIRST_PATIENCE = 10.0
"""Seconds to try for to reach a host that never answered yet: its URL is probably wrong."""
LOOKS = 4
"""How often it is looked for what an unclear request may have done, before the request is sent again."""

UNCLEAR = (
    "The request may have taken effect: look with `stellwerk cluster runs` or `schedules` before you send it again."
)


class _NotKnown(Exception):
    """Kubeflow, or the gate before it, does not know who asks; `refused` is what to tell where nothing else can be shown."""

    def __init__(self, refused: Refused) -> None:
        self.refused = refused
        super().__init__(str(refused))


class Kubeflow:
    """The services of one Kubeflow Pipelines. Every error is a ClusterError."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._met = False
        self._client = generated(connection)
        self.runs = kfp_server_api.RunServiceApi(self._client)
        self.schedules = kfp_server_api.RecurringRunServiceApi(self._client)
        self.experiments = kfp_server_api.ExperimentServiceApi(self._client)
        self.health = kfp_server_api.HealthzServiceApi(self._client)

    def ask(self, call: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """Makes a request that may be repeated, as long as the host is busy or away and patience lasts."""
        return self._patiently(call, arguments, options, None)

    def tell(self, call: Callable[..., T], *arguments: Any, done: Callable[[], T | None], **options: Any) -> T:
        """Makes a request that must take effect once: before it is sent again, `done` looks whether it did."""
        return self._patiently(call, arguments, options, done)

    def _patiently(
        self, call: Callable[..., T], arguments: Any, options: dict[str, Any], done: Callable[[], T | None] | None
    ) -> T:
        trouble, unclear, began = None, "", time.monotonic()
        for pause in self._pauses():
            try:
                return self._known(call, arguments, options, done)
            except Trouble as found:
                trouble = found
            if not self._met and trouble.untouched and time.monotonic() - began > FIRST_PATIENCE:
                break
            time.sleep(max(pause, trouble.pause))
            if done is not None and not trouble.untouched:
                unclear = f" {UNCLEAR}"
                made = self._looked(done)
                if made is not None:
                    return made
        waited = time.monotonic() - began
        said = trouble.sentence if trouble else self.connection.host
        message = f"{said}. Tried for {waited:.0f} s."
        raise ClusterError(f"{message} Check the URL, the network and whether Kubeflow runs, then try again.{unclear}")

    def log(self, run: str, pod: str, lines: int) -> list[str] | None:
        """Returns the last lines of a pod's log, or None where Kubeflow does not have it (any more)."""
        query = {"podname": pod, "runid": run, "podnamespace": self.connection.namespace or "kubeflow"}
        for path, asked in (("/apis/v1alpha1/runs/{run}/nodes/{pod}/log", {}), ("/k8s/pod/logs", query)):
            try:
                answer = self.ask(self._untyped(path, {"run": run, "pod": pod}, asked, "text/plain"), raw=True)
                tail: deque[str] = deque((line.decode("utf-8", "replace").rstrip() for line in answer), maxlen=lines)
                answer.release_conn()
            except (ClusterError, urllib3.exceptions.HTTPError):
                continue
            page = "text/html" in answer.headers.get("Content-Type", "")
            if tail and not page and not _is_error(tail):
                return list(tail)
        return None

    def workflow(self, run: str) -> str | None:
        """Returns the Argo workflow of a run as JSON, which knows pods and their troubles, or None where it is not told."""
        try:
            told = self.ask(self._untyped("/apis/v1beta1/runs/{run}", {"run": run}, {}, "application/json"))
            manifest = told.get("pipeline_runtime", {}).get("workflow_manifest")
        except (ClusterError, AttributeError):
            return None
        return str(manifest) if manifest else None

    def _untyped(self, path: str, names: dict[str, str], query: dict[str, str], accept: str) -> Callable[[], Any]:
        """Returns a request that the generated services do not have: logs, and a run as version 1 of the API has it."""
        options: dict[str, Any] = {"_return_http_data_only": True}
        if accept == "application/json":
            options["response_type"] = "object"
        else:
            options["_preload_content"] = False
        options["_request_timeout"] = self._timeout
        return lambda: self._client.call_api(path, "GET", names, query, {"Accept": accept}, **options)

    @property
    def _timeout(self) -> tuple[float, float]:
        return (min(self.connection.timeout, 20.0), self.connection.timeout)

    def _known(
        self, call: Callable[..., T], arguments: Any, options: dict[str, Any], done: Callable[[], T | None] | None
    ) -> T:
        """Makes a request, and once more with other credentials where the first are refused."""
        try:
            return self._attempt(call, *arguments, **options)
        except _NotKnown as error:
            if not self._renewed():
                raise error.refused from None
        made = done() if done is not None else None
        if made is not None:
            return made
        try:
            return self._attempt(call, *arguments, **options)
        except _NotKnown as error:
            raise error.refused from None

    def _renewed(self) -> bool:
        try:
            return self.connection.credentials is not None and self.connection.credentials.renew()
        except Away as error:
            raise Trouble(str(error), untouched=True) from None

    def _attempt(self, call: Callable[..., T], *arguments: Any, raw: bool = False, **options: Any) -> T:
        if not raw and hasattr(call, "__self__"):
            options["_request_timeout"] = self._timeout
        try:
            self._client.default_headers.update(
                self.connection.credentials.headers() if self.connection.credentials else {}
            )
            answer = self._answered(call, *arguments, **options)
        except Away as error:
            raise Trouble(str(error), untouched=True) from None
        except urllib3.exceptions.HTTPError as error:
            raise trouble(self.connection, error) from None
        content = "" if raw else (self._client.last_response.getheader("content-type") or "")
        if not raw and "json" not in content:
            message = f"{self.connection.host}: answers with {content or 'no content'} in place of Kubeflow's API."
            raise ClusterError(f"{message} Is this the URL of Kubeflow Pipelines, and does it want a token?")
        return answer

    def _answered(self, call: Callable[..., T], *arguments: Any, **options: Any) -> T:
        try:
            answer = call(*arguments, **options)
        except kfp_server_api.ApiException as error:
            self._met = True
            headers = error.headers or {}
            if error.status in BUSY:
                raise self._busy(error) from None
            refused = refusal(self.connection, error.status, error.body, headers)
            if is_not_known(error.status, headers):
                raise _NotKnown(refused) from None
            raise refused from None
        self._met = True
        return answer

    def _busy(self, error: Any) -> Trouble:
        wait = (error.headers or {}).get("Retry-After", "")
        pause = float(min(int(wait), LONGEST_PAUSE)) if wait.isdecimal() else 0.0
        return Trouble(f"{self.connection.host}: is busy or down (HTTP {error.status})", error.status == 429, pause)

    def _looked(self, done: Callable[[], T | None]) -> T | None:
        pause = FIRST_PAUSE
        for _ in range(LOOKS):
            try:
                found = done()
            except ClusterError as error:
                raise ClusterError(f"{error} {UNCLEAR}") from None
            if found is not None:
                return found
            time.sleep(pause)
            pause *= 2
        return None

    def _pauses(self) -> Iterator[float]:
        until, pause = time.monotonic() + self.connection.patience, FIRST_PAUSE
        yield pause
        while time.monotonic() < until:
            pause = min(pause * 2, LONGEST_PAUSE)
            yield min(pause, max(until - time.monotonic(), 0.0))


def _is_error(tail: deque[str]) -> bool:
    """Kubeflow sends errors of logs below a status that says all is well."""
    return len(tail) <= 1 and any('"error_message"' in line for line in tail)
