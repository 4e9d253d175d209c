"""Are the results what TFDV, TFT and TFMA themselves say of the same data? Each is asked on Beam, as TFX asks it.

python benchmarks/agreeing.py --data chicago_taxi.csv [--rows 15002]
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "tfx"))

from stellwerk.environment import prepare

prepare()  # before TensorFlow is loaded, so that it computes as it does in the pipeline

import apache_beam as beam
import data as taxi
import numpy as np
import pandas as pd
import pyarrow.csv
import pyarrow.parquet
import tensorflow_data_validation as tfdv
import tensorflow_model_analysis as tfma
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.runners.portability import fn_api_runner
from google.protobuf import json_format
from measuring import STELLWERK, measure
from recording import record, table
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tensorflow_model_analysis.proto import config_pb2
from tfx_bsl.tfxio.tensor_adapter import TensorAdapterConfig

from stellwerk.components.artifacts.examples import Examples, as_lists
from stellwerk.serving.loading import LoadedModel
from stellwerk.serving.tensors import inputs_from_batch

HERE = Path(__file__).parent
TARGET, SLICE = "big_tip", "trip_start_hour"
METRICS = {"auc": "AUC", "accuracy": "BinaryAccuracy"}
VOCABULARY = 1000
COUNTS = ("num_non_missing", "num_missing", "min_num_values", "max_num_values")

Cells = Iterator[tuple[str, str, str, str]]
"""What was compared: what, with what, how many values, the largest difference."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the Chicago taxi trips as CSV")
    parser.add_argument("--rows", type=int, default=15_002)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        taxi.write(given.data, folder / "data.csv", given.rows)
        shutil.copyfile(HERE / "tfx" / "taxi.yaml", folder / "pipeline.yaml")
        found = json.loads(measure([*STELLWERK, "run", "pipeline.yaml", "--json"], folder).stdout)
        run = folder / "runs" / "taxi" / found["run"]
        examples = Examples.open(run / "ingest" / "examples")
        cells = [
            *_rows(folder / "data.csv", examples),
            *_statistics(run, examples),
            *_vocabularies(run, examples),
            *_metrics(run, examples),
        ]
    text = table(["", "asked", "values compared", "largest difference"], cells)
    record(
        f"Agreement with the libraries: {given.rows:,} rows",
        f"python benchmarks/agreeing.py --data chicago_taxi.csv --rows {given.rows}",
        text,
    )
    print(text)


def _rows(data: Path, examples: Examples) -> Cells:
    there = pyarrow.csv.read_csv(data).num_rows
    here = sum(examples.rows(split) for split in ("train", "eval", "test"))
    aside = examples.manifest["rows"]["quarantined"]
    yield "rows of train, eval and test, and set aside", "pyarrow", "1", str(abs(there - here - aside))


def _statistics(run: Path, examples: Examples) -> Cells:
    """Compares with TFDV's generators on Beam: counts and extremes, moments, and quantiles as shares of the range."""
    schema = tfdv.load_schema_text(str(run / "validate" / "schema" / "schema.pbtxt"))
    with tempfile.TemporaryDirectory() as folder:
        with beam.Pipeline(runner=fn_api_runner.FnApiRunner()) as pipeline:
            (
                pipeline
                | beam.Create([str(shard) for shard in examples.shards("train")])
                | beam.FlatMap(_lists)
                | tfdv.GenerateStatistics(tfdv.StatsOptions(schema=schema))
                | tfdv.WriteStatisticsToBinaryFile(f"{folder}/stats.pb")
            )
        own = _features(Path(folder) / "stats.pb")
    ours = _features(run / "validate" / "statistics" / "train" / "FeatureStats.pb")
    counts, moments, quantiles = [], [], []
    for name, theirs in own.items():
        kind = theirs.WhichOneof("stats")
        first, second = getattr(ours[name], kind), getattr(theirs, kind)
        counts += [getattr(first.common_stats, count) - getattr(second.common_stats, count) for count in COUNTS]
        if kind == "string_stats":
            counts.append(first.unique - second.unique)
            counts += _ranks(first, second)
            continue
        spread = (second.max - second.min) or 1.0
        counts += [first.min - second.min, first.max - second.max, first.num_zeros - second.num_zeros]
        moments += [first.mean / second.mean - 1, first.std_dev / second.std_dev - 1] if second.std_dev else []
        if not second.common_stats.num_non_missing:
            continue
        for one, other in zip(first.histograms, second.histograms, strict=True):
            pairs = zip(one.buckets, other.buckets, strict=True)
            quantiles += [(a.high_value - b.high_value) / spread for a, b in pairs]
    yield "statistics: counts, extremes, frequencies of values", "TFDV", f"{len(counts):,}", f"{_largest(counts):g}"
    yield "statistics: means and deviations, relative", "TFDV", f"{len(moments):,}", f"{_largest(moments):.0e}"
    yield "statistics: histograms, as a share of the range", "TFDV", f"{len(quantiles):,}", f"{_largest(quantiles):.0e}"


def _lists(shard: str) -> Iterator[Any]:
    with pyarrow.parquet.ParquetFile(shard) as file:
        for batch in file.iter_batches(1000):
            yield as_lists(batch)


def _features(path: Path) -> dict[str, Any]:
    (dataset,) = statistics_pb2.DatasetFeatureStatisticsList.FromString(path.read_bytes()).datasets
    return {feature.path.step[0]: feature for feature in dataset.features}


def _ranks(first: Any, second: Any) -> list[float]:
    """Differences of the frequencies by rank: which of two equally frequent values comes first is chance."""
    pairs = zip(first.rank_histogram.buckets, second.rank_histogram.buckets, strict=True)
    return [one.sample_count - other.sample_count for one, other in pairs]


def _vocabularies(run: Path, examples: Examples) -> Cells:
    """Compares with TFT's analysers on Beam: the vocabularies, in their order."""
    names = [name for name, kind in examples.columns.items() if kind == "string"]
    features = {name: schema_pb2.TensorRepresentation() for name in names}
    for name, representation in features.items():
        representation.dense_tensor.column_name = name
        representation.dense_tensor.shape.SetInParent()
    schema = pyarrow.schema([pyarrow.field(name, pyarrow.list_(pyarrow.binary())) for name in names])

    def preprocessing_fn(columns: dict[str, Any]) -> dict[str, Any]:
        return {
            name: tft.compute_and_apply_vocabulary(values, top_k=VOCABULARY, vocab_filename=name)
            for name, values in columns.items()
        }

    with tempfile.TemporaryDirectory() as folder:
        with tft_beam.Context(temp_dir=folder), beam.Pipeline(runner=fn_api_runner.FnApiRunner()) as pipeline:
            batches = (
                pipeline | beam.Create([str(shard) for shard in examples.shards("train")]) | beam.FlatMap(_texts, names)
            )
            graph = (batches, TensorAdapterConfig(schema, features)) | tft_beam.AnalyzeDataset(preprocessing_fn)
            graph | tft_beam.WriteTransformFn(f"{folder}/graph")
        own = tft.TFTransformOutput(f"{folder}/graph")
        ours = tft.TFTransformOutput(str(run / "transform" / "transform_graph"))
        differing = compared = 0
        for name in names:
            theirs = [word for word in own.vocabulary_by_name(name) if word]  # a missing text is a word to TFT
            mine = ours.vocabulary_by_name(name)
            compared += len(theirs)
            differing += len(set(theirs) ^ set(mine))
    yield "vocabularies of the categories: words", "TFT", f"{compared:,}", str(differing)


def _texts(shard: str, names: list[str]) -> Iterator[Any]:
    with pyarrow.parquet.ParquetFile(shard) as file:
        for batch in file.iter_batches(16_384, columns=names):
            filled = [column.fill_null("") for column in batch.columns]
            yield as_lists(pyarrow.RecordBatch.from_arrays(filled, names=batch.schema.names))


def _metrics(run: Path, examples: Examples) -> Cells:
    """Compares with TFMA on the same predictions: every metric on every slice."""
    evaluation = json.loads((run / "evaluate" / "evaluation" / "evaluation.json").read_text(encoding="utf-8"))
    frames = []
    with LoadedModel(run / "train" / "model") as model:
        for batch in examples.batches("test"):
            rows = batch.to_pandas()
            predicted = model.predict(inputs_from_batch(batch, model.inputs))["probabilities"][:, 0]
            hours = ["" if pd.isna(hour) else str(int(hour)) for hour in rows[SLICE]]
            frames.append(pd.DataFrame({SLICE: hours, "label": rows[TARGET].astype(float), "prediction": predicted}))
    metrics = [{"class_name": kind, "config": json.dumps({"name": name})} for name, kind in METRICS.items()]
    config = json_format.ParseDict(
        {"model_specs": [{"label_key": "label", "prediction_key": "prediction"}]}
        | {"metrics_specs": [{"metrics": metrics}], "slicing_specs": [{}, {"feature_keys": [SLICE]}]}
        | {"options": {"include_default_metrics": False}},
        config_pb2.EvalConfig(),
    )
    asked = tfma.analyze_raw_data(pd.concat(frames), eval_config=config)
    own = {str(key[0][1]) if key else "": values[""][""] for key, values in asked.slicing_metrics}
    differences = []
    for row in evaluation["slices"]:
        key = str(next(iter(row["slice"].values()), ""))
        defined = [name for name in METRICS if row["metrics"][name] is not None]  # AUC is not, on a slice of one class
        differences += [row["metrics"][name] - own[key][name]["doubleValue"] for name in defined]
    yield "metrics on every slice", "TFMA", f"{len(differences):,}", f"{_largest(differences):.0e}"


def _largest(differences: list[float]) -> float:
    return float(np.max(np.abs(differences)))


if __name__ == "__main__":
    main()
