"""Writes the transformed examples: the saved graph applied to every batch, as Parquet shards with a manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

from stellwerk.ahead import read_ahead
from stellwerk.columns import COLUMN_TYPES
from stellwerk.components.artifacts.examples import BATCH_ROWS, Examples
from stellwerk.components.artifacts.folders import file_digest, write_json
from stellwerk.components.forms.base import ModelInput
from stellwerk.components.forms.lists import bytes_a_row, column_of, field_of, is_rows
from stellwerk.components.transformation.columns import as_tensors
from stellwerk.components.transformation.plan import Plan
from stellwerk.kinds.parts import refusing
from stellwerk.tables import pages

SPLITS = ("train", "eval")
"""The test split is not transformed here: it goes through the exported model."""

AHEAD = 2
"""Transformed batches that wait to be written: one thread computes, another compresses and writes."""

SHARD_ROWS = 1 << 20
_BATCH_BYTES = 32 << 20
_FEWEST_ROWS = 16


def materialise(
    plan: Plan,
    apply: Callable[[dict[str, tf.Tensor]], dict[str, Any]],
    examples: Examples,
    folder: Path,
    seen: Callable[[int], None],
) -> None:
    """Writes the train and eval splits and `dataset.json` to `folder`; `seen` hears of every batch's rows."""
    schema = schema_of(plan)
    splits = {}
    for split in SPLITS:
        batches = examples.batches(split, sorted(plan.all_inputs), batch_rows(schema))
        with read_ahead(transformed(plan, apply, batches, split), AHEAD) as made:
            splits[split] = _write(_heard(made, seen), schema, folder, split)
    write_manifest(plan, examples, splits, folder)


def write_manifest(plan: Plan, examples: Examples, splits: Mapping[str, Any], folder: Path) -> None:
    """Writes `dataset.json`; `splits` has rows and shards of each split."""
    manifest = {
        "columns": {field.name: _type_name(field.type) for field in schema_of(plan)},
        "examples_version": examples.version,
        "splits": splits,
    }
    version = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
    write_json(folder / "dataset.json", {**manifest, "version": version})


def schema_of(plan: Plan) -> pa.Schema:
    """Returns the columns of the transformed examples, in their order. Raises StepFailed for a form that nobody knows."""
    fields = [field_of(ModelInput.of(description)) for description in plan.outputs.values()]
    label = pa.int64() if plan.target.about.whole_label else pa.float32()
    if plan.target.about.several:
        label = pa.list_(label, len(plan.classes))
    if plan.target.about.many:
        label = COLUMN_TYPES[plan.label_input].arrow_type
    return pa.schema([*fields, pa.field(plan.label, label)])


def batch_rows(schema: pa.Schema) -> int:
    """Returns how many rows are transformed at a time: fewer where they are wide."""
    return max(_FEWEST_ROWS, min(BATCH_ROWS, _BATCH_BYTES // sum(bytes_a_row(field.type) for field in schema)))


def _type_name(kind: pa.DataType) -> str:
    if pa.types.is_fixed_size_list(kind):
        return f"{_type_name(kind.value_type)}[{kind.list_size}]"
    if pa.types.is_fixed_size_binary(kind):
        return f"uint8[{kind.byte_width}]"
    return "float" if pa.types.is_float32(kind) else str(kind)


def transformed(
    plan: Plan,
    apply: Callable[[dict[str, tf.Tensor]], dict[str, Any]],
    batches: Iterable[pa.RecordBatch],
    split: str,
) -> Iterator[pa.RecordBatch]:
    """Yields every batch after the transform. Raises HookError where a user's own feature made what cannot be learned from."""
    schema = schema_of(plan)
    for batch in batches:
        values = {name: tensor.numpy() for name, tensor in apply(as_tensors(batch, plan.all_inputs)).items()}
        for name, feature in plan.features.items():
            kind = refusing(feature.type)
            if kind is not None:
                kind.refuse(name, feature, values, plan.outputs, split)
        yield pa.RecordBatch.from_arrays([_column(values[item.name], item.type) for item in schema], schema=schema)


def _heard(batches: Iterable[pa.RecordBatch], seen: Callable[[int], None]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield batch
        seen(batch.num_rows)


def _column(values: np.ndarray[Any, Any], kind: pa.DataType) -> pa.Array:
    return column_of(values, kind) if is_rows(kind) else pa.array(values, kind)


def _write(batches: Iterator[pa.RecordBatch], schema: pa.Schema, folder: Path, split: str) -> dict[str, Any]:
    """Writes one split; a new shard begins after every `SHARD_ROWS` rows. A split without rows has one empty shard."""
    shards: list[dict[str, Any]] = []
    batch = next(batches, None)
    while batch is not None or not shards:
        path = folder / split / f"part-{len(shards):05d}.parquet"
        rows = 0
        with opened_shard(path, schema) as writer:
            while batch is not None and rows < SHARD_ROWS:
                writer.write_batch(batch)
                rows += batch.num_rows
                batch = next(batches, None)
        shards.append({"path": f"{split}/{path.name}", "rows": rows, "sha256": file_digest(path)})
    return {"rows": sum(shard["rows"] for shard in shards), "shards": shards}


def opened_shard(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Opens a new shard. Lists are not dictionary-encoded: wide sparse vectors are written and read faster without.

    Bytes are not compressed either: pixels hardly become fewer, and are read in half the time.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    flat = [field.name for field in schema if not is_rows(field.type)]
    lists = [field.name for field in schema if pa.types.is_fixed_size_list(field.type)]
    smaller = [*flat, *(f"{name}.list.{item}" for name in lists for item in ("item", "element"))]  # as Arrow calls them
    compression = dict.fromkeys(smaller, "zstd") if len(flat) + len(lists) < len(schema) else "zstd"
    return pq.ParquetWriter(path, schema, compression=compression, use_dictionary=flat, **pages.written())
