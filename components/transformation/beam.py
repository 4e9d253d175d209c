"""TFT's analysis on Beam, in this process, for hooks that use TFT's analysers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import tensorflow_transform.beam as tft_beam
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.tfxio.tensor_adapter import TensorAdapterConfig

from stellwerk.columns import COLUMN_TYPES, ColumnType
from stellwerk.components.artifacts.examples import Examples, Shard, as_lists, rows_of
from stellwerk.components.beam.jobs import in_process
from stellwerk.components.transformation.plan import Plan, PreprocessingFn
from stellwerk.naming import safe
from stellwerk.tables.lists import is_list


def analyze(plan: Plan, preprocessing_fn: PreprocessingFn, examples: Examples, folder: Path, scratch: Path) -> None:
    """Runs the analysers of `preprocessing_fn` over the training split and writes the transform graph to `folder`."""
    inputs = plan.all_inputs
    shards = examples.shards("train")
    with beam.Pipeline(runner=in_process()) as pipeline:
        batches = pipeline | "Shards" >> beam.Create(shards) | "Read" >> beam.FlatMap(_read, inputs)
        write_analysis(batches, plan, preprocessing_fn, str(folder), str(scratch))


def write_analysis(
    batches: beam.PCollection, plan: Plan, preprocessing_fn: PreprocessingFn, folder: str, scratch: str
) -> None:
    """Adds the analysis of `batches` (see `filled`) to their pipeline: the graph is written to `folder`."""
    with tft_beam.Context(temp_dir=scratch):
        graph = (batches, _config(plan.all_inputs)) | tft_beam.AnalyzeDataset(preprocessing_fn)
        graph | tft_beam.WriteTransformFn(folder)


def _read(shard: Shard, inputs: Mapping[str, str]) -> Iterator[pa.RecordBatch]:
    yield from filled(rows_of(shard, list(inputs)), inputs)


def filled(batches: Iterable[pa.RecordBatch], inputs: Mapping[str, str]) -> Iterator[pa.RecordBatch]:
    """Yields rows with missing values filled in, as list columns of the graph's names and types: batches never wait in memory."""
    for batch in batches:
        columns = [_filled(batch.column(name), COLUMN_TYPES[kind]) for name, kind in inputs.items()]
        yield as_lists(pa.RecordBatch.from_arrays(columns, names=list(map(safe, inputs))), with_nan=True)


def _filled(column: pa.Array, known: ColumnType) -> pa.Array:
    if known.length:
        return column
    return column.cast(known.fed_type, safe=False).fill_null(known.missing)


def _config(inputs: Mapping[str, str]) -> TensorAdapterConfig:
    types = {safe(name): COLUMN_TYPES[kind] for name, kind in inputs.items()}
    schema = pa.schema([pa.field(name, pa.list_(_value(known.fed_type))) for name, known in types.items()])
    representations = {}
    for name, known in types.items():
        representations[name] = schema_pb2.TensorRepresentation()
        representations[name].dense_tensor.column_name = name
        representations[name].dense_tensor.shape.SetInParent()
        for size in known.shape:
            representations[name].dense_tensor.shape.dim.add(size=size)
    return TensorAdapterConfig(schema, representations)


def _value(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if is_list(kind) else kind
