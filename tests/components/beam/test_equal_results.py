"""Statistics, vocabularies, transformed rows and metrics are the same on Beam's workers as here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow_model_analysis as tfma
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import statistics_pb2

from stellwerk.components.calling import call

SPLITS = ("train", "eval", "test")
COUNTED = 1000
"""So many different values TFDV counts exactly."""


@pytest.fixture(params=["in_process", "submitted"])
def there(request: pytest.FixtureRequest) -> Any:
    """What the steps wrote on each runner."""
    return request.getfixturevalue(request.param)


def _statistics(done: Any, split: str) -> dict[str, statistics_pb2.FeatureNameStatistics]:
    file = done.folder / "statistics" / split / "FeatureStats.pb"
    (dataset,) = statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read_bytes()).datasets
    return {"": dataset.num_examples, **{feature.path.step[0]: feature for feature in dataset.features}}


def _counts(strings: statistics_pb2.StringStatistics) -> dict[str, float]:
    return {bucket.label: bucket.sample_count for bucket in strings.rank_histogram.buckets}


@pytest.mark.parametrize("split", SPLITS)
def test_statistics_have_the_same_counts_and_quantiles_within_the_sketches_error(here, there, split):
    expected, found = _statistics(here, split), _statistics(there, split)
    assert list(found) == list(expected)
    assert found.pop("") == expected.pop("")
    for name, one in expected.items():
        other = found[name]
        kind = one.WhichOneof("stats")
        own, its = getattr(one, kind), getattr(other, kind)
        for count in ("num_non_missing", "num_missing", "min_num_values", "max_num_values"):
            assert getattr(its.common_stats, count) == getattr(own.common_stats, count)
        if kind == "string_stats":
            assert its.unique == own.unique
            own_counts, its_counts = _counts(own), _counts(its)
            if own.unique <= COUNTED:
                assert its_counts == own_counts
            else:  # rare values are in TFDV's sketch, or they are not
                rows = own.common_stats.num_non_missing
                assert all(abs(its_counts.get(value, 0) - n) <= rows / COUNTED + 1 for value, n in own_counts.items())
            continue
        assert (its.min, its.max, its.num_zeros) == (own.min, own.max, own.num_zeros)
        assert [its.mean, its.std_dev] == pytest.approx([own.mean, own.std_dev], rel=1e-9)
        spread = own.max - own.min
        assert its.median == pytest.approx(own.median, abs=0.01 * spread)
        for histogram, its_histogram in zip(own.histograms, its.histograms, strict=True):
            edges = [bucket.high_value for bucket in histogram.buckets]
            assert [bucket.high_value for bucket in its_histogram.buckets] == pytest.approx(edges, abs=0.01 * spread)


def test_the_inferred_schema_and_the_anomalies_are_the_same(here, there):
    for name in (("schema", "schema.pbtxt"), ("anomalies", "anomalies.json")):
        assert there.folder.joinpath(*name).read_text() == here.folder.joinpath(*name).read_text()


def test_vocabularies_are_the_same(here, there):
    expected, found = (tft.TFTransformOutput(str(done.folder / "transform_graph")) for done in (here, there))
    for name in ("carrier", "flight", "tailnum"):
        assert found.vocabulary_by_name(name) == expected.vocabulary_by_name(name)
    assert there.json("transform_graph", "features.json") == here.json("transform_graph", "features.json")


@pytest.mark.parametrize("transformed", ["transformed", "hooked"])
def test_transformed_rows_are_the_same_in_the_same_order(here, there, transformed):
    for split in ("train", "eval"):
        expected, found = here.rows(split, transformed), there.rows(split, transformed)
        assert found.schema == expected.schema
        for name in expected.column_names:
            own, its = (
                np.asarray(table[name].combine_chunks().flatten() if "list" in str(table[name].type) else table[name])
                for table in (expected, found)
            )
            np.testing.assert_allclose(its, own, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("empty", ["eval", "test"])
def test_a_split_without_rows_is_the_same(empty, flights_table, make_examples, tmp_path):
    table = flights_table.select(["distance", "carrier", "late"]).slice(0, 900)
    splits = {split: table.slice(0, 0) if split == empty else table for split in SPLITS}
    examples = str(make_examples(tmp_path / "examples", **splits))
    common = {"target": {"column": "late", "type": "binary"}, "examples": examples}
    features = {"distance": {"type": "number"}, "carrier": {"type": "category"}}
    for folder, more in ((tmp_path / "here", {}), (tmp_path / "there", {"beam": {"runner": "FnApiRunner"}})):
        written = {name: str(folder / name) for name in ("statistics", "schema", "anomalies")}
        call("validate", {**common, **more, "settings": {"on_anomaly": "warn"}, **written})
        made = {name: str(folder / name) for name in ("transform_graph", "transformed")}
        given = {**common, **more, "features": features, "hooks": {}, "schema": written["schema"]}
        call("transform", {**given, **made})
    for name in ("schema/schema.pbtxt", "anomalies/anomalies.json", "transformed/dataset.json"):
        assert (tmp_path / "there" / name).read_text() == (tmp_path / "here" / name).read_text()
    for split in SPLITS:
        name = f"statistics/{split}/FeatureStats.pb"
        assert (tmp_path / "there" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()


def test_every_row_group_becomes_a_shard(there):
    shards = there.json("transformed", "dataset.json")["splits"]["train"]["shards"]
    assert [shard["rows"] for shard in shards] == [700, 700, 700, 700, 400]


def _numbers(row: dict[str, Any]) -> dict[str, float]:
    return {name: np.nan if value is None else value for name, value in row["metrics"].items()}


def test_metrics_are_the_same_for_every_slice_those_of_tfma_too(here, there):
    expected, found = here.json("evaluation", "evaluation.json"), there.json("evaluation", "evaluation.json")
    assert found["examples"] == expected["examples"] == 400
    assert found["confusion"] == expected["confusion"]
    assert len(found["slices"]) == len(expected["slices"]) > 5
    for own, its in zip(expected["slices"], found["slices"], strict=True):
        assert (its["slice"], its["examples"]) == (own["slice"], own["examples"])
        assert _numbers(its) == pytest.approx(_numbers(own), rel=1e-6, abs=1e-6, nan_ok=True)
    assert "BinaryCrossentropy" in found["slices"][0]["metrics"]


def test_tfma_reads_the_evaluation(there):
    result = tfma.load_eval_result(str(there.folder / "evaluation"))
    assert len(result.slicing_metrics) > 5
