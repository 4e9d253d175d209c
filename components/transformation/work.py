"""The transform step: measures the training split, writes the transform graph, and transforms train and eval."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.artifacts.folders import file_digest, write_json, written_aside
from stellwerk.components.artifacts.sample import write_sample
from stellwerk.components.transformation.graph import write_graph
from stellwerk.components.transformation.here import Here
from stellwerk.components.transformation.label import check_target
from stellwerk.components.transformation.materialising import SPLITS
from stellwerk.components.transformation.plan import Plan
from stellwerk.errors import DataError
from stellwerk.kinds.transforming import SHARE
from stellwerk.progress import Progress, silent
from stellwerk.spec.beam import Beam
from stellwerk.spec.data import Windows
from stellwerk.spec.features import Feature
from stellwerk.spec.features.patterns import expand, is_pattern, winner
from stellwerk.spec.target import Target

if TYPE_CHECKING:
    from stellwerk.components.transformation.on_beam import OnBeam


def transform(
    *,
    features: dict[str, Feature],
    target: Target,
    hooks: dict[str, str],
    examples: Path | str,
    schema: Path,
    transform_graph: Path,
    transformed: Path,
    progress: Progress = silent,
    beam: Beam | None = None,
) -> None:
    """Writes the TransformGraph (with `features.json` and a sample of raw rows) and the transformed train and eval splits.

    A pattern among the features is what it means in these data. Only the training split is measured; memory does not grow with the rows. With `beam` its workers read the rows. Raises
    DataError for columns that are absent or do not fit their feature, and HookError for a custom feature that misbehaves.
    """
    data = Examples.open(examples)
    seen = _counted(progress, data.rows("train") + sum(data.rows(split) for split in SPLITS))
    check_target(data, target)
    plan = Plan.make(_expanded(features, data, target), target, hooks, data)
    with _passes(beam, data, seen, transformed) as passes:
        measures = passes.measure(plan)
        with written_aside(transform_graph) as graph, written_aside(transformed) as rows:
            with tempfile.TemporaryDirectory(dir=graph) as vocabularies:
                write_graph(plan, plan.preprocessing_fn(measures, Path(vocabularies)), graph, passes.analyze)
            passes.materialise(plan, graph, rows)
            _describe(plan, data, schema, unread(measures), graph / "features.json")
            write_sample(data, list(plan.inputs), graph)


def _expanded(features: Mapping[str, Feature], data: Examples, target: Target) -> dict[str, Feature]:
    """Returns the features with each pattern replaced by the columns it means. Raises DataError for one that means none."""
    split = data.manifest.get("split") or {}
    apart = [target.column, *(split.get("key") or ()), *([split["column"]] if split.get("column") else [])]
    made = expand(features, data.columns, apart)
    patterns = [name for name, feature in features.items() if is_pattern(name, feature)]
    meant = {winner(column, patterns) for column in made if column not in features}
    for name in patterns:
        if name not in meant:
            raise DataError(f"features.{name}: means no column of the data, which has {', '.join(data.columns)}.")
    return made


@contextlib.contextmanager
def _passes(beam: Beam | None, data: Examples, seen: Callable[[int], None], beside: Path) -> Iterator[Here | OnBeam]:
    """Gives who reads the data: this process, or Beam's workers."""
    if beam is None:
        yield Here(data, seen)
        return
    from stellwerk.components.beam.shared_storage import shared_storage  # noqa: PLC0415 - Beam costs seconds to load
    from stellwerk.components.transformation.on_beam import OnBeam  # noqa: PLC0415

    with shared_storage(beam, beside) as place:
        yield OnBeam(beam, place, data, seen)


def _counted(progress: Progress, total: int) -> Callable[[int], None]:
    done = 0

    def seen(rows: int) -> None:
        nonlocal done
        done += rows
        progress(done, total)

    return seen


def unread(measures: Mapping[tuple[str, str], Any]) -> dict[str, dict[str, int]]:
    """Returns by feature how many values of the train split there are, and how many of them could not be read."""
    shares = {name: measure for (name, key), measure in measures.items() if key == SHARE}
    return {
        name: {"values": share.count, "unread": round(share.count * (1 - share.mean))}
        for name, share in sorted(shares.items())
        if share.count and share.mean < 1
    }


def _describe(plan: Plan, data: Examples, schema: Path, moments: Mapping[str, Any], path: Path) -> None:
    label = {"name": plan.target.column, "output": plan.label, "type": plan.target.type, "classes": plan.classes}
    description: Mapping[str, object] = {
        "features": list(plan.outputs.values()),
        "label": label,
        "inputs": plan.inputs,
        "unread": moments,
        **({"windows": rule} if (rule := _rule(data)) else {}),
        "examples_version": data.version,
        "schema_digest": file_digest(schema / "schema.pbtxt" if schema.is_dir() else schema),
    }
    write_json(path, description)


def _rule(data: Examples) -> dict[str, object]:
    """Returns `data.windows` of the examples with the step that was found, by which others make windows of rows; nothing where there are none."""
    windows = data.manifest.get("windows") or {}
    return {key: windows[key] for key in Windows.model_fields if key in windows} | (
        {"every": windows["step"]} if windows else {}
    )
