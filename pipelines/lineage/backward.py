"""From a pushed model back to everything that made it."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from stellwerk.components.lineage.code import code_digest
from stellwerk.pipelines.lineage.models import Pushed, intact
from stellwerk.pipelines.lineage.sources import SourceFile, State, source_files, state_of
from stellwerk.pipelines.runs import RunRecord
from stellwerk.showing import without_queries
from stellwerk.steps import path_of


@dataclass(frozen=True)
class Ran:
    """The run that pushed a model."""

    run: str
    created: str | None
    openlineage_run: str | None
    folder: str | None
    """None where it was deleted, or is not on this machine."""
    status: str | None


@dataclass(frozen=True)
class Written:
    """The spec that a run was made from."""

    path: str
    digest: str
    state: Literal["unchanged", "changed", "gone", "not looked at"]


@dataclass(frozen=True)
class Code:
    """The code that ran."""

    stellwerk: str | None
    digest: str | None
    here: bool | None
    """Whether it is the code that is installed here."""
    hooks: dict[str, tuple[str, State]]
    """Digest of each file of the user's own Python, and how that file is now."""
    versions: dict[str, str]
    """Versions of the libraries."""


@dataclass(frozen=True)
class Ancestry:
    """A pushed model and what it was made from; what nobody knows any more is None, and said in `unknown`."""

    model: str
    version: int
    path: str
    model_digest: str | None
    intact: bool | None
    metrics: dict[str, float | None]
    blessed: bool | None
    run: Ran
    spec: Written
    code: Code
    hyperparameters: dict[str, Any]
    transform_digest: str | None
    schema_digest: str | None
    data_version: str | None
    rows: int | None
    query: str | None
    sources: list[SourceFile]
    unknown: list[str] = field(default_factory=list)


def ancestry(model: Pushed, directory: Path | None = None) -> Ancestry:
    """Returns what made a pushed model, by its provenance and by the folder of its run where that is still there.

    `directory` is where relative paths start; without it the folder of the spec, where that is on this machine.
    """
    provenance, context = model.provenance, model.provenance.get("context", {})
    record = _record(model, directory)
    start = directory or (record.folder.parents[2] if record is not None else model.home)
    made = provenance.get("model", {})
    origin = provenance.get("data") or _manifest(record)
    return Ancestry(
        model=model.name,
        version=model.version,
        path=model.path,
        model_digest=provenance.get("model_digest"),
        intact=intact(model),
        metrics=provenance.get("metrics", {}),
        blessed=provenance.get("blessing", {}).get("blessed"),
        run=_ran(context, record),
        spec=_spec(context, record, start),
        code=_code(provenance, start),
        hyperparameters=made.get("hyperparameters", {}),
        transform_digest=made.get("transform_digest"),
        schema_digest=made.get("schema_digest"),
        data_version=model.data_version or None,
        rows=origin.get("rows", {}).get("written"),
        query=origin.get("query"),
        sources=source_files(origin, start),
        unknown=_unknown(provenance, record, origin),
    )


def _record(model: Pushed, directory: Path | None) -> RunRecord | None:
    """Finds the run's folder: above the model, so that a moved project is found too, or where the spec was."""
    context = model.provenance.get("context", {})
    above = model.folder.parents if model.folder is not None else ()
    for place in (*([directory] if directory else []), *above, *([model.home] if model.home else [])):
        runs = place / "runs" / str(context.get("pipeline") or model.name)
        folder = runs / model.run
        if not model.run or not (folder / "run.json").is_file():
            pushes = sorted(runs.glob(f"*/{path_of('pushed_model')}"))
            folder = next((push.parents[1] for push in pushes if _pushed(push, model)), folder)
        if (folder / "run.json").is_file():
            try:
                return RunRecord.load(folder)
            except (OSError, ValueError, RecursionError):
                return None
    return None


def _pushed(pushed_model: Path, model: Pushed) -> bool:
    """Says whether a run made a version: one in containers has another id in the provenance, that of KFP's local runner."""
    try:
        told = json.loads((pushed_model / "pushed.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    known = (told.get("version"), told.get("model_digest"), told.get("new"))
    return known == (model.version, model.provenance.get("model_digest"), True)


def _manifest(record: RunRecord | None) -> dict[str, Any]:
    file = record.made("examples") / "dataset.json" if record is not None else None
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file is not None else {}
    except (OSError, ValueError):
        return {}
    return found


def _ran(context: dict[str, Any], record: RunRecord | None) -> Ran:
    return Ran(
        run=str(context.get("run", "")),
        created=context.get("created"),
        openlineage_run=context.get("openlineage_run") or _uuid(context.get("run")),
        folder=str(record.folder) if record is not None else None,
        status=record.status if record is not None else None,
    )


def _uuid(run: str | None) -> str | None:
    """Returns the id of a run on a cluster, which is its id in OpenLineage too; None for that of a run here."""
    try:
        return str(uuid.UUID(run))
    except (TypeError, ValueError):
        return None


def _spec(context: dict[str, Any], record: RunRecord | None, start: Path | None) -> Written:
    """Says whether the spec's text still is the one that ran; only the run's folder has kept that."""
    path, digest = str(context.get("spec", "")), str(context.get("spec_digest", ""))
    if record is None or start is None:
        return Written(path, digest, "not looked at")
    now, then = start / Path(path).name, record.folder / "spec.yaml"
    try:
        same = without_queries(now.read_text(encoding="utf-8")) == then.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return Written(path, digest, "not looked at" if now.exists() else "gone")
    return Written(path, digest, "unchanged" if same else "changed")


def _code(provenance: dict[str, Any], start: Path | None) -> Code:
    code = provenance.get("code", {})
    hooks = provenance.get("context", {}).get("hooks") or {}
    return Code(
        stellwerk=code.get("stellwerk"),
        digest=code.get("digest"),
        here=code["digest"] == code_digest() if code.get("digest") else None,
        hooks={file: (digest, state_of(file, digest, start)) for file, digest in hooks.items()},
        versions=provenance.get("model", {}).get("versions", {}),
    )


def _unknown(provenance: dict[str, Any], record: RunRecord | None, origin: dict[str, Any]) -> list[str]:
    """Says what cannot be told, and why."""
    said = []
    if record is None:
        said.append(
            "The run's folder was deleted, or is not on this machine: the spec's text, the logs and the artifacts between the "
            "steps are unknown; what is shown comes from provenance.json."
        )
    if not origin:
        said.append(
            "The sources are unknown: this version was pushed before they were kept, and its run's folder is gone."
        )
    if "code" not in provenance:
        said.append("The code is unknown: this version was pushed before its digest was kept.")
    return said
