"""From the bytes of the sources to the published model: what was made from what, each with its digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from markupsafe import Markup

from stellwerk.report.dataset import Data, Source
from stellwerk.report.diagram import Node, diagram
from stellwerk.report.judging import Pushed
from stellwerk.report.reading import Missing, Run
from stellwerk.report.wording import several, short, size
from stellwerk.steps import DECLARED

SOURCES_IN_THE_DIAGRAM = 5
CHAIN = tuple(
    (step.name, output.name, output.title, tuple(name for names in step.inputs.values() for name in names))
    for step in DECLARED
    for output in step.outputs
    if output.title
)
"""Step, artifact, its name on the page, and the artifacts it is made from."""


@dataclass(frozen=True)
class Link:
    """One row of the lineage table."""

    kind: str
    name: str
    digest: str
    note: str = ""


def links(run: Run, data: Data | Missing, pushed: Pushed | Missing, spec: str) -> tuple[Link, ...]:
    """Returns the chain from the sources to the published model, as far as the run came."""
    rows = [Link("Spec", "spec.yaml", hashlib.sha256(spec.encode()).hexdigest(), "SHA-256 of the file")] if spec else []
    if not isinstance(data, Missing):
        rows += [Link("Source", source.path, source.state or "", _about(source)) for source in data.sources]
        rows.append(Link("Data version", "examples", data.version, several(data.written, "row")))
    for step, artifact, kind, _ in CHAIN:
        digest = _digest(run, step, artifact, pushed)
        name = pushed.path if artifact == "pushed_model" and not isinstance(pushed, Missing) else artifact
        if digest:
            note = (
                f"version {pushed.version}"
                if artifact == "pushed_model" and not isinstance(pushed, Missing)
                else f"made by {step}"
            )
            rows.append(Link(kind, name, digest, note))
    return tuple(rows)


def picture(run: Run, data: Data | Missing, pushed: Pushed | Missing) -> Markup:
    """Draws the same chain as a diagram."""
    nodes: list[Node] = []
    if not isinstance(data, Missing):
        nodes += _source_nodes(data.sources)
        before = tuple(node.name for node in nodes)
        rows = several(data.written, "row")
        nodes.append(Node("examples", "Data version", (short(data.version), rows), before, tip=data.version))
    for step, artifact, kind, before in CHAIN:
        digest = _digest(run, step, artifact, pushed)
        if digest:
            published = artifact == "pushed_model" and not isinstance(pushed, Missing)
            note = f"version {pushed.version}" if published and not isinstance(pushed, Missing) else f"by {step}"
            nodes.append(Node(artifact, kind, (short(digest), note), before, tip=digest))
    return diagram(nodes, title="Lineage from the sources to the published model") if nodes else Markup("")


def _source_nodes(sources: tuple[Source, ...]) -> list[Node]:
    if len(sources) > SOURCES_IN_THE_DIAGRAM:
        return [Node("sources", "Sources", (several(len(sources), "file"), "see the table"))]
    return [
        Node(
            f"source {index}",
            source.name,
            (short(source.state or "no digest"), several(source.rows, "row") if source.rows is not None else ""),
            tip=source.state or "",
        )
        for index, source in enumerate(sources)
    ]


def _about(source: Source) -> str:
    parts = [several(source.rows, "row") if source.rows is not None else "", size(source.size) if source.size else ""]
    return ", ".join(part for part in parts if part)


def _digest(run: Run, step: str, artifact: str, pushed: Pushed | Missing) -> str:
    """Returns the digest of an artifact; of the published model itself, not of the note that says where it is."""
    if artifact == "pushed_model" and not isinstance(pushed, Missing) and pushed.model_digest:
        return pushed.model_digest
    found = run.step(step)
    return found.outputs.get(artifact, "") if found else ""
