"""Lineage as a tree of plain lines that a person reads and a terminal of any width shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from stellwerk.pipelines.lineage.backward import Ancestry
from stellwerk.pipelines.lineage.forward import DataVersion, Descent

DIGITS = 12
"""How much of a digest is shown; `--json` has all of it."""


@dataclass(frozen=True)
class Node:
    """A line and the lines below it."""

    text: str
    below: Sequence[Node] = field(default=())


def lines(node: Node) -> list[str]:
    """Returns the lines of a tree."""
    found = [node.text]
    for position, child in enumerate(node.below):
        last = position == len(node.below) - 1
        first, *rest = lines(child)
        found.append(("└─ " if last else "├─ ") + first)
        found += [("   " if last else "│  ") + line for line in rest]
    return found


def of_model(found: Ancestry) -> Node:
    """Returns a model with everything that it was made from below it."""
    state = {True: "", False: ", its files were CHANGED since", None: ""}[found.intact]
    parts = [
        Node(f"model digest {_short(found.model_digest)}{state}"),
        *([Node(f"metrics {_values(found.metrics)}")] if found.metrics else []),
        Node(f"run {found.run.run or 'unknown'}{_run(found)}"),
        Node(f"spec {found.spec.path or 'unknown'} {_short(found.spec.digest)}{_now(found.spec.state)}"),
        _code(found),
        *([Node(f"hyperparameters {_values(found.hyperparameters)}")] if found.hyperparameters else []),
        Node(f"transform {_short(found.transform_digest)}"),
        Node(f"schema {_short(found.schema_digest)}"),
        _data(found),
        *(Node(f"! {sentence}") for sentence in found.unknown),
    ]
    return Node(f"{found.model} version {found.version}  {found.path}", parts)


def of_data(found: Descent) -> Node:
    """Returns a data set with everything that was made from it below it."""
    below = [_version(version) for version in found.versions]
    return Node(f"{found.kind} {found.dataset}", [*below, *(Node(f"! {sentence}") for sentence in found.unknown)])


def _version(version: DataVersion) -> Node:
    bytes_ = {True: ", of its present bytes", False: ", of bytes that it had before", None: ""}[version.bytes_as_now]
    models = [
        Node(
            f"model {made.model} version {made.version}  {made.path}  {_values(made.metrics)}".rstrip(),
            [Node(f"run {made.run}")],
        )
        for made in version.models
    ]
    pushed = {made.run for made in version.models}
    others = [
        Node(f"run {use.run} of {use.pipeline}: {use.status}, no version of its own")
        for use in version.runs
        if use.run not in pushed
    ]
    nothing = [] if models or others else [Node("no model was made from it")]
    return Node(f"data version {_short(version.version)}{bytes_}", [*models, *others, *nothing])


def _run(found: Ancestry) -> str:
    told = [
        found.run.status,
        found.run.created and f"at {found.run.created}",
        found.run.folder and f"in {found.run.folder}",
    ]
    return "".join(f", {one}" for one in told if one)


def _code(found: Ancestry) -> Node:
    code = found.code
    here = {True: ", as installed here", False: ", other code is installed here", None: ""}[code.here]
    hooks = [Node(f"{file} {_short(digest)}{_now(state)}") for file, (digest, state) in code.hooks.items()]
    libraries = [Node(_values(code.versions))] if code.versions else []
    return Node(f"code stellwerk {code.stellwerk or 'unknown'} {_short(code.digest)}{here}", [*hooks, *libraries])


def _data(found: Ancestry) -> Node:
    rows = f", {found.rows:,} rows" if found.rows is not None else ""
    files = [
        Node(f"source {file.source}: {file.path} {file.stored or _short(file.sha256)}{_now(file.state)}")
        for file in found.sources
    ]
    query = [Node(f"query {' '.join(found.query.split())}")] if found.query else []
    return Node(f"data version {_short(found.data_version)}{rows}", [*query, *files])


def _now(state: str) -> str:
    return {"unchanged": ", unchanged", "changed": ", CHANGED since", "gone": ", GONE"}.get(state, "")


def _short(digest: str | None) -> str:
    return digest[:DIGITS] if digest else "unknown"


def _values(values: dict[str, object] | dict[str, float | None] | dict[str, str]) -> str:
    return ", ".join(f"{name} {_value(value)}" for name, value in _flat("", values))


def _value(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _flat(prefix: str, value: object) -> Iterable[tuple[str, object]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(f"{prefix}.{name}" if prefix else str(name), inner)
    elif value is not None:
        yield prefix, value
