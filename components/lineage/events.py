"""OpenLineage events as plain JSON: writing them costs no import; only sending them takes OpenLineage's client.

What a key means, and which version of a facet has it, says the specification (https://openlineage.io/spec); the tests
hold every event against the client's own classes.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from stellwerk import __version__
from stellwerk.showing import without_queries

Json = dict[str, Any]
Kind = Literal["START", "COMPLETE", "FAIL", "ABORT"]

PRODUCER = f"urn:stellwerk:{__version__}"
"""Which code made an event."""
SPECIFICATION = "https://openlineage.io/spec"
EVENT_SCHEMA = f"{SPECIFICATION}/2-0-2/OpenLineage.json#/$defs/RunEvent"
FACETS = {
    "parent": ("1-2-0", "ParentRunFacet"),
    "processing_engine": ("1-1-1", "ProcessingEngineRunFacet"),
    "executionParameters": ("1-0-0", "ExecutionParametersRunFacet"),
    "errorMessage": ("1-0-1", "ErrorMessageRunFacet"),
    "nominalTime": ("1-0-1", "NominalTimeRunFacet"),
    "jobType": ("2-0-4", "JobTypeJobFacet"),
    "sourceCode": ("1-0-1", "SourceCodeJobFacet"),
    "sql": ("1-1-0", "SQLJobFacet"),
    "schema": ("1-2-0", "SchemaDatasetFacet"),
    "version": ("1-0-1", "DatasetVersionDatasetFacet"),
    "datasetType": ("1-0-1", "DatasetTypeDatasetFacet"),
    "storage": ("1-0-1", "StorageDatasetFacet"),
    "symlinks": ("1-0-1", "SymlinksDatasetFacet"),
    "tags": ("1-0-0", "TagsDatasetFacet"),
    "inputStatistics": ("1-0-0", "InputStatisticsInputDatasetFacet"),
    "outputStatistics": ("1-0-2", "OutputStatisticsOutputDatasetFacet"),
    "dataQualityMetrics": ("1-0-3", "DataQualityMetricsInputDatasetFacet"),
    "dataQualityAssertions": ("1-1-0", "DataQualityAssertionsDatasetFacet"),
}
"""Key of a facet -> the version of the specification it follows, and its name there."""

NAMESPACE = "stellwerk"
"""Namespace of jobs, unless OPENLINEAGE_NAMESPACE names another."""
TOLD = ("architecture", "training", "settings", "formats")
"""Arguments of a step that are told as its execution parameters."""

_SECRET = re.compile(
    r"(^|_)(SECRET|TOKEN|PASSWORD|PASSWD|PASS|CREDENTIALS|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY)(_|$)", re.IGNORECASE
)
"""Names of environment variables whose values are told to nobody."""
_USERINFO = re.compile(r"(?<=://)[^/@\s\"']+@")
_SHORTEST_SECRET = 6
"""Characters; a shorter value (`true`, `3600`) is a setting, and would be found in words that have nothing to do with it."""


def namespace() -> str:
    """Returns the namespace of jobs and of the artifacts between them."""
    return os.environ.get("OPENLINEAGE_NAMESPACE") or NAMESPACE


def facet(key: str, **values: Any) -> Json:
    """Returns the facet for `key`; values that are None are left out."""
    version, name = FACETS[key]
    schema = f"{SPECIFICATION}/facets/{version}/{name}.json#/$defs/{name}"
    given = {name: value for name, value in values.items() if value is not None}
    return {"_producer": PRODUCER, "_schemaURL": schema, **given}


@dataclass(frozen=True)
class Job:
    """One run of one job: of the pipeline as a whole, or of one of its steps."""

    name: str
    """`<pipeline>`, or `<pipeline>.<step>`."""
    run: str
    """UUID of the run."""
    parent: Job | None = None
    engine: str = "Stellwerk"
    namespace: str = field(default_factory=namespace)

    def child(self, step: str, run: str | None = None, engine: str | None = None) -> Job:
        """Returns the run of a step; without an id of its own it gets one that follows from this run's."""
        own = run or str(uuid.uuid5(uuid.UUID(self.run), step))
        return Job(f"{self.name}.{step}", own, self, engine or self.engine, self.namespace)


def event(
    kind: Kind,
    job: Job,
    *,
    run_facets: Mapping[str, Json] | None = None,
    job_facets: Mapping[str, Json] | None = None,
    inputs: Sequence[Json] = (),
    outputs: Sequence[Json] = (),
) -> Json:
    """Returns an event of a run. No value that looks like a secret of this process's environment is in it."""
    engine = facet("processing_engine", version=__version__, name=job.engine, openlineageAdapterVersion=__version__)
    facets = {"processing_engine": engine, **(run_facets or {})}
    if job.parent is not None:
        above = {
            "run": {"runId": job.parent.run},
            "job": {"namespace": job.parent.namespace, "name": job.parent.name},
        }
        facets["parent"] = facet("parent", **above, root=above)
    kind_of_job = "PIPELINE" if job.parent is None else "STEP"
    described = {"jobType": facet("jobType", processingType="BATCH", integration="STELLWERK", jobType=kind_of_job)}
    told: Json = concealed(
        {
            "eventType": kind,
            "eventTime": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "producer": PRODUCER,
            "schemaURL": EVENT_SCHEMA,
            "run": {"runId": job.run, "facets": facets},
            "job": {"namespace": job.namespace, "name": job.name, "facets": {**described, **(job_facets or {})}},
            "inputs": list(inputs),
            "outputs": list(outputs),
        }
    )
    return told


def error(message: str) -> dict[str, Json]:
    """Returns the facet of a run that failed; a stack trace stays in the step's log."""
    return {"errorMessage": facet("errorMessage", message=message, programmingLanguage="PYTHON")}


def parameters(values: Mapping[str, Any]) -> dict[str, Json]:
    """Returns the facet of what a run was given: nested values by dotted keys, as text."""
    flat = dict(_flat("", values))
    if not flat:
        return {}
    told = [{"key": key, "name": key, "value": value} for key, value in flat.items()]
    return {"executionParameters": facet("executionParameters", parameters=told)}


def _flat(prefix: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [pair for key, item in value.items() for pair in _flat(f"{prefix}.{key}" if prefix else str(key), item)]
    return [] if value is None else [(prefix, value if isinstance(value, str) else str(value))]


def job_facets(arguments: Mapping[str, Any]) -> dict[str, Json]:
    """Returns what a step's arguments say of its code: the user's own Python, and the query over the sources."""
    found = {}
    hooks = arguments.get("hooks")
    if hooks:
        code = "\n".join(f"# {file}\n{text}" for file, text in sorted(hooks.items()))
        found["sourceCode"] = facet("sourceCode", language="python", sourceCode=code)
    data = arguments.get("data")
    if isinstance(data, Mapping) and data.get("query"):
        found["sql"] = facet("sql", query=data["query"], dialect="duckdb")
    return found


def concealed(value: Any) -> Any:
    """Returns a JSON value without passwords and queries in URIs, and with secrets of the environment replaced by their names."""
    secrets = {
        text: f"${{{name}}}"
        for name, text in os.environ.items()
        if _SECRET.search(name) and len(text) >= _SHORTEST_SECRET
    }
    return _concealed(value, secrets)


def _concealed(value: Any, secrets: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _concealed(item, secrets) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_concealed(item, secrets) for item in value]
    if not isinstance(value, str):
        return value
    for secret, name in secrets.items():
        value = value.replace(secret, name)
    return _USERINFO.sub("", without_queries(value))
