"""The API's own specification, as the generated client that is installed holds it: operations, and types of what they send.

Nothing is copied from the specification: each operation of the generated services is called once with a client that only writes
down what would be sent, and types are the generated models' `openapi_types`.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import kfp_server_api

SERVICES = ("RunServiceApi", "RecurringRunServiceApi", "ExperimentServiceApi", "HealthzServiceApi")
_OWN = ("async_req", "_return_http_data_only", "_preload_content", "_request_timeout")


class Violation(Exception):
    """A request or an answer that is not as the specification says."""


@dataclass(frozen=True)
class Operation:
    name: str
    method: str
    path: re.Pattern[str]
    queries: frozenset[str]
    body: str | None
    answer: str


class _Recorder:
    """A client that only writes down what it is to send."""

    client_side_validation = False

    def __init__(self) -> None:
        self.sent: tuple[Any, ...] = ()

    def call_api(self, path: str, method: str, paths: Any, queries: Any, headers: Any, **options: Any) -> None:
        self.sent = (path, method, dict(paths), dict(queries), options)

    def select_header_accept(self, accepts: list[str]) -> str:
        return accepts[0]

    select_header_content_type = select_header_accept


def operations() -> list[Operation]:
    found = []
    for service in SERVICES:
        recorder = _Recorder()
        api = getattr(kfp_server_api, service)(recorder)
        for name, call in inspect.getmembers(api, inspect.ismethod):
            if name.endswith("_with_http_info"):
                found.append(_operation(name.removesuffix("_with_http_info"), call, recorder))
    return found


def _operation(name: str, call: Any, recorder: _Recorder) -> Operation:
    recorder.client_side_validation = True
    api = call.__self__
    api.api_client = recorder
    required = [each for each in inspect.signature(call).parameters if each != "kwargs"]
    optional = [each for each in re.findall(r":param (\w+):", call.__doc__) if each not in (*_OWN, *required)]
    call(*required, **{each: each for each in optional})
    path, method, paths, queries, options = recorder.sent
    pattern = re.escape(path)
    for each in paths:
        pattern = pattern.replace(re.escape(f"{{{each}}}"), f"(?P<{each}>[^/:]+)")
    types = dict(re.findall(r":type (\w+): (\w+)", call.__doc__))
    body = types[options["body"]] if options.get("body") is not None else None  # each was given its own name
    return Operation(name, method, re.compile(f"{pattern}\\Z"), frozenset(queries), body, options["response_type"])


def check(value: Any, kind: str, where: str) -> None:
    """Raises Violation where a JSON value is not of a type of the specification."""

    def fail() -> None:
        raise Violation(f"{where}: is no {kind}: {value!r}")

    if value is None or kind == "object":
        return
    if kind.startswith("list["):
        if not isinstance(value, list):
            fail()
        for at, each in enumerate(value):
            check(each, kind[5:-1], f"{where}[{at}]")
    elif kind.startswith("dict("):
        if not isinstance(value, dict):
            fail()
        for key, each in value.items():
            check(each, kind[5:-1].partition(", ")[2], f"{where}.{key}")
    elif kind in ("str", "int", "float", "bool"):
        _check_plain(value, kind, fail)
    elif kind == "datetime":
        try:
            datetime.fromisoformat(value.replace("Z", "+00:00"))
        except (AttributeError, ValueError):
            fail()
    else:
        _check_model(value, kind, where, fail)


def _check_plain(value: Any, kind: str, fail: Any) -> None:
    types: dict[str, Any] = {"str": str, "int": int, "float": (int, float), "bool": bool}
    if not isinstance(value, types[kind]) or (kind != "bool" and isinstance(value, bool)):
        fail()


def _check_model(value: Any, kind: str, where: str, fail: Any) -> None:
    model = getattr(kfp_server_api, kind)
    allowed = getattr(model, "allowable_values", None)
    if allowed is not None:
        if value not in allowed:
            fail()
        return
    if kind == "ProtobufAny":
        return
    if not isinstance(value, dict):
        fail()
    names = {model.attribute_map[name]: kind for name, kind in model.openapi_types.items()}
    unknown = set(value) - set(names)
    if unknown:
        raise Violation(f'{where}: (line 1:2): unknown field "{sorted(unknown)[0]}" of {kind}')
    for name, each in value.items():
        check(each, names[name], f"{where}.{name}")
