"""What steps read and write, as OpenLineage datasets: artifacts, source files, pushed models.

An artifact is named by its pipeline, step and argument, so that it is the same dataset in every run; its version says which
one it was, and a symlink where it lies. A source and a pushed model are named by where they lie, as OpenLineage names files
and buckets, so that they are the same datasets for other tools.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stellwerk.components.artifacts.folders import folder_digest, read_json
from stellwerk.components.lineage.events import Json, facet
from stellwerk.spec.places import state_of
from stellwerk.tables.formats import FORMATS

if TYPE_CHECKING:
    from stellwerk.components.artifacts.examples import Examples

MODELS = ("model", "converted")


def artifact(
    namespace: str, name: str, path: Path | Examples | None, *, digest: str | None = None, uri: str | None = None
) -> Json:
    """Returns the dataset of an artifact in the folder `path`, which may be missing; `uri` says where it lies elsewhere.

    Examples have their columns, and their version is the data version; other artifacts have the digest of their files.
    Opened Examples as `path` are read in place; None stands for those that cannot be opened.
    """
    manifest = _read(path / "dataset.json") if isinstance(path, Path) else path.manifest if path else {}
    version = manifest.get("version") or digest
    if version is None and isinstance(path, Path) and path.exists():
        version = folder_digest(path)
    kind = "MODEL" if name.rpartition(".")[2] in MODELS else "JOB_OUTPUT"
    facets: Json = {"datasetType": facet("datasetType", datasetType=kind)}
    if version:
        facets["version"] = facet("version", datasetVersion=version)
    lies = uri or (str(path.absolute()) if isinstance(path, Path) else None)
    if lies is not None:
        facets["symlinks"] = facet("symlinks", identifiers=[{**named(lies), "type": "LOCATION"}])
    if manifest:
        facets["storage"] = facet("storage", storageLayer="file", fileFormat="parquet")
        facets["schema"] = schema(manifest.get("columns", {}))
    return {"namespace": namespace, "name": name, "facets": facets}


def schema(columns: Mapping[str, str]) -> Json:
    """Returns the facet of the columns, by name and type."""
    return facet("schema", fields=[{"name": name, "type": kind} for name, kind in columns.items()])


def counted(path: Path | Examples | None, key: str) -> dict[str, Json]:
    """Returns rows, bytes and files of Examples as the facet `key` (`inputStatistics`, `outputStatistics`); else nothing."""
    if path is None:
        return {}
    if not isinstance(path, Path):
        splits, sizes = path.manifest["splits"].values(), {name: file.size for name, file in path.stored.items()}
    else:
        splits = _read(path / "dataset.json").get("splits", {}).values()
        files = {shard["path"]: path / shard["path"] for split in splits for shard in split["shards"]}
        sizes = {name: file.stat().st_size for name, file in files.items() if file.is_file()}
    shards = [shard["path"] for split in splits for shard in split["shards"]]
    if not shards:
        return {}
    size = sum(sizes.get(name, 0) for name in shards)
    return {key: facet(key, rowCount=sum(split["rows"] for split in splits), size=size, fileCount=len(shards))}


def as_input(dataset: Json, path: Path | Examples | None) -> Json:
    """Returns an artifact that is read."""
    return {**dataset, "inputFacets": counted(path, "inputStatistics")}


def as_output(dataset: Json, path: Path | Examples | None) -> Json:
    """Returns an artifact that was written."""
    return {**dataset, "outputFacets": counted(path, "outputStatistics")}


def sources(examples: Path, directory: Path) -> list[Json]:
    """Returns the files that Examples were made from, each with its digest, or with its store's version where it was read in place.

    Relative paths start at `directory`.
    """
    found = []
    for source in _read(examples / "dataset.json").get("sources", ()):
        for file in source["files"]:
            path = file["path"] if "://" in file["path"] else str((directory / file["path"]).absolute())
            rows = source["rows"] if len(source["files"]) == 1 else None
            facets = {"datasetType": facet("datasetType", datasetType="FILE")}
            if (state := state_of(file)) is not None:
                facets["version"] = facet("version", datasetVersion=state[1])
            if source["format"] in FORMATS and (called := FORMATS[source["format"]].lineage):
                facets["storage"] = facet("storage", storageLayer="file", fileFormat=called)
            counts = facet("inputStatistics", rowCount=rows, size=file.get("bytes"), fileCount=file.get("files", 1))
            found.append({**named(path), "facets": facets, "inputFacets": {"inputStatistics": counts}})
    return found


def pushed(pushed_model: Path, evaluation: Path | None) -> list[Json]:
    """Returns the model that PushedModel says was pushed: a dataset whose versions are those of the served model."""
    told = _read(pushed_model / "pushed.json")
    if not told:
        return []
    place = told["path"].rstrip("/").rpartition("/")[0]
    tags = {"model_digest": told["model_digest"], **_metrics(evaluation)}
    facets = {
        "datasetType": facet("datasetType", datasetType="MODEL"),
        "version": facet("version", datasetVersion=str(told["version"])),
        "tags": facet(
            "tags", tags=[{"key": key, "value": value, "source": "STELLWERK"} for key, value in tags.items()]
        ),
    }
    return [{**named(place), "facets": facets, "outputFacets": {}}]


def _metrics(evaluation: Path | None) -> dict[str, str]:
    """Returns the metrics of the whole test split, as text."""
    slices = _read(evaluation / "evaluation.json").get("slices", ()) if evaluation is not None else ()
    whole: Mapping[str, Any] = next((one["metrics"] for one in slices if not one["slice"]), {})
    return {name: f"{value:.6g}" for name, value in whole.items() if isinstance(value, (int, float))}


def named(place: str) -> dict[str, str]:
    """Returns namespace and name of a path or URI, as OpenLineage names them."""
    scheme, separator, rest = place.partition("://")
    if not separator or scheme == "file":
        return {"namespace": "file", "name": rest if separator else place}
    host, _, name = rest.partition("/")
    return {"namespace": f"{'s3' if scheme == 'minio' else scheme}://{host}", "name": name or "/"}


def _read(path: Path) -> dict[str, Any]:
    """Returns a JSON file; empty where there is none that can be read."""
    try:
        value = read_json(path)
    except (OSError, json.JSONDecodeError, UnicodeDecodeError):
        return {}
    return value if isinstance(value, dict) else {}
