"""What is sent: the IR of a pipeline, and what Kubeflow is told besides."""

from __future__ import annotations

import copy
import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stellwerk.loading import LoadedSpec
from stellwerk.spec.cluster import Cluster

LONGEST_DESCRIPTION = 255
"""So many letters Kubeflow's database takes."""

_MARK = re.compile(r"Submitted by Stellwerk as ([0-9a-f-]{36})(?: with ([0-9a-f]{64}))?")


@dataclass(frozen=True)
class Package:
    """A compiled pipeline, as it goes into the body of a request."""

    name: str
    source: str
    """Name of the file that it was made from."""
    documents: tuple[dict[str, Any], ...]
    """The pipeline's spec and, where there is one, the platform's."""
    cluster: Cluster | None = None

    @property
    def body(self) -> dict[str, Any]:
        """The IR as the API takes it."""
        if len(self.documents) == 1:
            return self.documents[0]
        return {"pipeline_spec": self.documents[0], "platform_spec": self.documents[1]}

    @property
    def about(self) -> str:
        """What the pipeline is, as it says itself."""
        said = str(self.documents[0].get("pipelineInfo", {}).get("description") or "").strip()
        return said or f"Pipeline '{self.name}', from {self.source}."

    @property
    def parameters(self) -> dict[str, Any]:
        """What a run may be given, by name, as the IR defines it."""
        found: dict[str, Any] = self.documents[0].get("root", {}).get("inputDefinitions", {}).get("parameters", {})
        return found

    def without_cache(self) -> Package:
        """Returns the same pipeline with no step taken from Kubeflow's cache."""
        documents = copy.deepcopy(self.documents)
        dags = [documents[0].get("root", {}), *documents[0].get("components", {}).values()]
        for task in (task for each in dags for task in each.get("dag", {}).get("tasks", {}).values()):
            task["cachingOptions"] = {}
        return Package(self.name, self.source, documents, self.cluster)


def package_of(source: LoadedSpec | str | Path, root: str | None = None) -> Package:
    """Compiles a spec, or reads an IR file. Raises SpecError or UsageError.

    `root` is the pipeline root that the run is given: then a folder of this machine in the spec does not matter.
    """
    if isinstance(source, LoadedSpec):
        from stellwerk.pipelines.kubeflow.compilation import intermediate  # noqa: PLC0415

        source = source if root is None else _without_folder(source)
        return Package(source.spec.name, source.path.name, tuple(intermediate(source)), source.spec.cluster)
    from stellwerk.pipelines.kubeflow.reading import read_documents  # noqa: PLC0415

    documents = read_documents(source)
    return Package(str(documents[0]["pipelineInfo"]["name"]), Path(source).name, documents)


def _without_folder(loaded: LoadedSpec) -> LoadedSpec:
    """Returns a spec without its pipeline root where that is a folder of this machine."""
    cluster = loaded.spec.cluster
    if cluster is None or cluster.root_here is None:
        return loaded
    elsewhere = cluster.model_copy(update={"pipeline_root": None})
    return replace(loaded, spec=loaded.spec.model_copy(update={"cluster": elsewhere}))


def is_ir(path: Path) -> bool:
    """Says whether a file is something compiled, and no spec."""
    try:
        return (
            re.search(
                r"^(pipelineInfo:|apiVersion: pipelines\.kubeflow\.org/)",
                path.read_text(encoding="utf-8"),
                re.MULTILINE,
            )
            is not None
        )
    except (OSError, UnicodeDecodeError):
        return False


def description(mark: Mark, package: Package) -> str:
    """Returns what is written beside a run or a schedule: what the pipeline is, for people, and at the end the mark, for us."""
    about = " ".join(package.about.split())
    room = LONGEST_DESCRIPTION - len(f" {mark}")
    return f"{about if len(about) <= room else f'{about[: room - 2]} …'} {mark}"


@dataclass(frozen=True)
class Mark:
    """What is written into a run's description, so that it is known again."""

    submission: str
    definition: str | None = None
    """Digest of everything that was asked for, of a schedule."""

    @classmethod
    def new(cls, definition: Mapping[str, Any] | None = None) -> Mark:
        """Returns the mark of one submission; no two are the same."""
        digest = None
        if definition is not None:
            digest = hashlib.sha256(json.dumps(definition, sort_keys=True, default=str).encode()).hexdigest()
        return cls(str(uuid.uuid4()), digest)

    @classmethod
    def found_in(cls, description: str | None) -> Mark | None:
        """Returns the mark in a description, or None where Stellwerk did not write it."""
        found = _MARK.search(description or "")
        return cls(found[1], found[2]) if found else None

    def __str__(self) -> str:
        with_digest = f" with {self.definition}" if self.definition else ""
        return f"Submitted by Stellwerk as {self.submission}{with_digest}"
