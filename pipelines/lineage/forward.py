"""From data forward to every model made from it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stellwerk.components.artifacts.folders import file_digest
from stellwerk.errors import StepFailed, UsageError
from stellwerk.pipelines.lineage.models import Pushed, pushed_at, pushed_below, pushed_by
from stellwerk.pipelines.lineage.sources import located
from stellwerk.pipelines.runs import RunRecord
from stellwerk.spec.places import is_here
from stellwerk.steps import path_of

EXAMPLES = path_of("examples")
_VERSION = re.compile(r"[0-9a-f]{6,64}")


@dataclass(frozen=True)
class Use:
    """One run that used the data, and how it ended."""

    pipeline: str
    run: str
    status: str
    folder: str


@dataclass(frozen=True)
class Made:
    """One version of a model that was made from the data."""

    model: str
    version: int
    path: str
    model_digest: str | None
    metrics: dict[str, float | None]
    run: str


@dataclass
class DataVersion:
    """One data version that a data set is, or was made into, with the runs and models that came of it."""

    version: str
    bytes_as_now: bool | None
    """Whether it was made from the bytes that the data set has now; None where there is nothing to compare."""
    runs: list[Use] = field(default_factory=list)
    models: list[Made] = field(default_factory=list)


@dataclass(frozen=True)
class Descent:
    """A data set and every model made from it."""

    dataset: str
    kind: str
    """`source`, or `data version`."""
    versions: list[DataVersion]
    unknown: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Origin:
    """What some data was made from: by a run's Examples, or by a model's provenance."""

    version: str
    content: Mapping[str, Any]
    directory: Path | None
    use: Use | None = None
    made: Made | None = None


def descent(dataset: str, directory: Path, places: Sequence[str] = ()) -> Descent:
    """Returns what was made from `dataset`: a source file, folder or URI, a data version (or how it begins), or Examples.

    Looked at are the runs of the project in `directory`, the places they pushed to, versions in folders of the project, and
    `places` (`<to>/<name>`, folders or URIs). Raises UsageError where nothing there knows of the data set.
    """
    unknown: list[str] = []
    origins = [*_of_runs(directory), *_of_models(_models(directory, places, unknown))]
    wanted = _wanted_version(dataset)
    found: list[tuple[_Origin, bool | None]]
    if wanted is not None:
        kind, found = "data version", [(origin, None) for origin in origins if origin.version.startswith(wanted)]
    else:
        kind, found = "source", list(_using(dataset, origins))
    if not found:
        raise UsageError(
            f"{dataset}: neither a pushed model nor data that a run in {directory / 'runs'} used. "
            f"Give a version folder, <to>/<name>, a source file, a data version, or a run's {EXAMPLES}; "
            "--directory names another project, --models another place of models."
        )
    return Descent(dataset, kind, _gathered(found), unknown)


def project_of(path: Path) -> Path:
    """Returns the folder that holds `runs`, at or above a path; the working directory where there is none."""
    for folder in (path, *path.parents):
        if folder.name != "runs" and (folder / "runs").is_dir():
            return folder
    return Path.cwd()


def _wanted_version(dataset: str) -> str | None:
    """Returns the data version that is named, or that Examples (or the run around them) have; None for a source."""
    path = Path(dataset)
    for manifest in (path / "dataset.json", path / EXAMPLES / "dataset.json", path):
        if manifest.name == "dataset.json" and manifest.is_file():
            return str(_read(manifest).get("version", "")) or None
    return dataset if _VERSION.fullmatch(dataset) and not path.exists() else None


def _of_runs(directory: Path) -> Iterable[_Origin]:
    for manifest in sorted(directory.glob(f"runs/*/*/{EXAMPLES}/dataset.json")):
        try:
            record = RunRecord.load(manifest.parents[2])
        except (OSError, ValueError, RecursionError):
            continue
        content = _read(manifest)
        use = Use(record.name, record.run, record.status, str(record.folder))
        yield _Origin(str(content.get("version", "")), content, directory, use=use)


def _models(directory: Path, places: Sequence[str], unknown: list[str]) -> list[Pushed]:
    runs = [file.parent for file in directory.glob("runs/*/*/run.json")]
    found = {model.path: model for model in pushed_below(directory)}
    for place in [*pushed_by(runs), *places]:
        try:
            found |= {model.path: model for model in pushed_at(place)}
        except StepFailed as error:
            unknown.append(f"Models at {place} are unknown: {error}")
    return list(found.values())


def _of_models(models: Iterable[Pushed]) -> Iterable[_Origin]:
    for model in models:
        content = model.provenance.get("data", {})
        digest, metrics = model.provenance.get("model_digest"), model.provenance.get("metrics", {})
        made = Made(model.name, model.version, model.path, digest, metrics, model.run)
        yield _Origin(model.data_version, content, model.home, made=made)


def _using(dataset: str, origins: Iterable[_Origin]) -> Iterable[tuple[_Origin, bool | None]]:
    """Yields what was made from a source, and whether from the bytes that it has now: by its digest, or by its path."""
    elsewhere = not is_here(dataset)
    path = Path(dataset.removeprefix("file://")).absolute()
    inside = (
        [path]
        if path.is_file()
        else sorted(file for file in path.rglob("*") if file.is_file())
        if path.is_dir()
        else []
    )
    now = {file_digest(file) for file in inside}
    for origin in origins:
        files = [file for source in origin.content.get("sources", ()) for file in source["files"]]
        if now & {file.get("sha256") for file in files}:
            yield origin, True
        elif elsewhere and any(file["path"] == dataset for file in files):
            yield origin, None
        elif not elsewhere and any(_is_below(located(file["path"], origin.directory), path) for file in files):
            yield origin, False if inside else None


def _is_below(file: Path | None, path: Path) -> bool:
    return file is not None and (file.absolute() == path or path in file.absolute().parents)


def _gathered(found: Iterable[tuple[_Origin, bool | None]]) -> list[DataVersion]:
    versions: dict[str, DataVersion] = {}
    for origin, as_now in found:
        version = versions.setdefault(origin.version, DataVersion(origin.version, as_now))
        version.bytes_as_now = version.bytes_as_now or as_now
        if origin.use is not None:
            version.runs.append(origin.use)
        if origin.made is not None:
            version.models.append(origin.made)
    return list(versions.values())


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
