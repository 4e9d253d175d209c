"""The event of a step, wherever the step runs: made of what it was given, read and wrote, here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stellwerk.components.lineage import datasets
from stellwerk.components.lineage.events import TOLD, Job, Json, Kind, error, event, job_facets, parameters
from stellwerk.components.lineage.quality import quality

if TYPE_CHECKING:
    from stellwerk.components.artifacts.examples import Examples

MEASURED = ("statistics", "anomalies")
"""Artifacts that say of what their step read how good it is."""
PUSHED = "pushed_model"


@dataclass(frozen=True)
class Artifact:
    """An artifact that a step reads or has written."""

    name: str
    """`<pipeline>.<step>.<argument>`."""
    content: Path | Examples | None
    """Its folder here; opened Examples where they are read in place, None where these cannot be opened."""
    uri: str
    """Where it lies for all."""
    digest: str | None = None

    def dataset(self, namespace: str) -> Json:
        """Returns it as a dataset."""
        return datasets.artifact(namespace, self.name, self.content, digest=self.digest, uri=self.uri)


def step_event(
    kind: Kind,
    job: Job,
    arguments: Mapping[str, Any],
    facts: Mapping[str, Any],
    *,
    read: Iterable[Artifact],
    written: Mapping[str, Artifact],
    directory: Path | None,
    evaluation: Path | None,
    failure: str | None = None,
) -> Json:
    """Returns an event of a step: of its arguments those that are told, and `facts` beside them; `written` goes by the names of arguments.

    Sources' relative paths start at `directory`; a pushed model has the metrics of `evaluation`.
    """
    folders = {name: one.content for name, one in written.items() if isinstance(one.content, Path)}
    inputs = [datasets.as_input(one.dataset(job.namespace), one.content) for one in read]
    outputs: list[Json] = []
    if kind != "START" and "examples" in folders and directory is not None:
        inputs += datasets.sources(folders["examples"], directory)
    if kind != "START" and inputs and set(MEASURED) <= folders.keys():
        inputs[0]["inputFacets"] |= quality(*(folders[name] for name in MEASURED))
    if kind == "COMPLETE":
        outputs = [datasets.as_output(one.dataset(job.namespace), one.content) for one in written.values()]
        outputs += datasets.pushed(folders[PUSHED], evaluation) if PUSHED in folders else []
    given = {name: arguments[name] for name in TOLD if arguments.get(name) is not None}
    run_facets = parameters({**given, **facts}) | (error(failure) if failure else {})
    return event(kind, job, run_facets=run_facets, job_facets=job_facets(arguments), inputs=inputs, outputs=outputs)
