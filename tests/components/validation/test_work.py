"""The step validate: statistics, the inferred schema, the gate."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pyarrow as pa
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import anomalies_pb2

from stellwerk.components.artifacts.examples import Examples, as_lists
from stellwerk.components.calling import call
from stellwerk.components.validation import statistics
from stellwerk.components.validation.work import validate
from stellwerk.errors import DataError
from stellwerk.spec import Target, Validate


@pytest.fixture(scope="session")
def flights(flights_table, make_examples, tmp_path_factory):
    return make_examples(tmp_path_factory.mktemp("flights") / "examples", flights_table)


@pytest.fixture(scope="session")
def flights_validated(flights, tmp_path_factory):
    folder = tmp_path_factory.mktemp("validated")
    told = []
    validate(
        settings=Validate(skew={"origin": {"l_infinity": 0.2}}),
        target=Target(column="late", type="binary"),
        examples=flights,
        statistics=folder / "statistics",
        schema=folder / "schema",
        anomalies=folder / "anomalies",
        progress=lambda done, total, unit: told.append((done, total, unit)),
    )
    return folder, told


def test_real_clean_flights_pass_their_inferred_schema(flights_validated):
    folder, _ = flights_validated
    assert json.loads((folder / "anomalies" / "anomalies.json").read_text()) == {"anomalies": []}


def test_streamed_statistics_are_those_of_tfdv_in_one_piece(flights_validated, flights):
    folder, _ = flights_validated
    streamed = tfdv.load_stats_binary(str(folder / "statistics" / "eval" / "FeatureStats.pb"))
    assert [dataset.name for dataset in streamed.datasets] == ["eval"]
    whole = pa.Table.from_batches(Examples.open(flights).batches("eval")).combine_chunks().to_batches()[0]
    expected = stats_impl.generate_statistics_in_memory(as_lists(whole))
    ours = {feature.path.step[0]: feature for feature in streamed.datasets[0].features}
    for feature in expected.datasets[0].features:
        if feature.path.step[0] != "late":
            assert ours[feature.path.step[0]] == feature


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # the test's, not the step's
def test_columns_shared_out_among_cores_have_the_same_statistics(flights, monkeypatch):
    data, splits, told = Examples.open(flights), ["train", "eval"], []
    alone = statistics.statistics_of(data, splits, {"late"})
    monkeypatch.setattr(statistics, "WORTH_SHARING", 1)
    monkeypatch.setattr(statistics, "available_cores", lambda: 3)
    shared = statistics.statistics_of(data, splits, {"late"}, lambda *so_far: told.append(so_far))
    for split in splits:
        for one, other in zip(shared[split].datasets[0].features, alone[split].datasets[0].features, strict=True):
            assert one.path.step[0] == "tailnum" or one == other  # of names as frequent as others TFDV keeps any
    assert [feature.path.step[0] for feature in shared["eval"].datasets[0].features] == next(
        data.batches("eval")
    ).schema.names
    rows = data.rows("train") + data.rows("eval")
    assert told[-1] == (rows, rows, "rows")


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_share_that_cannot_be_read_fails_the_step(flights, sign, monkeypatch, tmp_path):
    folder = tmp_path / "examples"
    shutil.copytree(flights, folder)
    (folder / "eval" / "part-00000.parquet").write_bytes(b"no Parquet")
    sign(folder)
    monkeypatch.setattr(statistics, "WORTH_SHARING", 1)
    monkeypatch.setattr(statistics, "available_cores", lambda: 2)
    with pytest.raises(DataError, match="is damaged: Parquet magic bytes not found"):
        statistics.statistics_of(Examples.open(folder), ["train", "eval"], {"late"})


def test_tfdv_reads_every_artifact(flights_validated):
    folder, _ = flights_validated
    schema = tfdv.load_schema_text(str(folder / "schema" / "schema.pbtxt"))
    assert tfdv.get_feature(schema, "late").presence.min_fraction == 1
    for split in ("train", "eval", "test"):
        anomalies = anomalies_pb2.Anomalies()
        anomalies.ParseFromString((folder / "anomalies" / split / "SchemaDiff.pb").read_bytes())
        assert not anomalies.anomaly_info
        assert len(anomalies.drift_skew_info) == (split != "train")


def test_the_inferred_schema_has_a_line_for_every_feature(flights_validated, flights):
    folder, _ = flights_validated
    lines = (folder / "schema" / "schema.pbtxt").read_text().splitlines()
    columns = next(iter(Examples.open(flights).batches("train"))).schema.names
    assert [line.split('"')[1] for line in lines if line.startswith("feature { name:")] == columns
    assert max(map(len, lines)) < 200


def test_progress_counts_every_row_once(flights_validated, flights):
    _, told = flights_validated
    total = sum(Examples.open(flights).rows(split) for split in ("train", "eval", "test"))
    assert told[-1] == (total, total, "rows")
    assert [done for done, _, _ in told] == sorted({done for done, _, _ in told})


def test_statistics_do_not_depend_on_how_the_rows_are_cut_into_shards(validated, plain, monkeypatch):
    whole = validated(plain(400)).statistics / "train" / "FeatureStats.pb"
    batches = Examples.batches
    monkeypatch.setattr(Examples, "batches", lambda self, split, columns=None: batches(self, split, columns, rows=37))
    cut = validated(plain(400)).statistics / "train" / "FeatureStats.pb"
    features = zip(*(tfdv.load_stats_binary(str(path)).datasets[0].features for path in (whole, cut)), strict=True)
    for one, other in features:
        assert one.string_stats.rank_histogram == other.string_stats.rank_histogram
        assert one.num_stats.mean == pytest.approx(other.num_stats.mean)
        assert one.num_stats.std_dev == pytest.approx(other.num_stats.std_dev)


def test_plain_json_values_and_paths_call_the_step(tmp_path, make_examples, plain):
    arguments = {name: str(tmp_path / name) for name in ("statistics", "schema", "anomalies")}
    target = {"column": "late", "type": "binary"}
    examples = str(make_examples(tmp_path / "examples", plain()))
    call("validate", {"settings": {}, "target": target, "examples": examples, "curated": None, **arguments})
    assert (tmp_path / "schema" / "schema.pbtxt").exists()


def test_a_column_with_a_value_in_one_row_of_train_does_not_stop_the_run(validated, plain):
    sparse = pa.array([1.0] + [None] * 799, pa.float32())
    nothing = pa.array([None] * 1000, pa.string())
    outcome = validated(plain(1000, sparse=pa.concat_arrays([sparse, sparse.slice(1, 200)]), nothing=nothing))
    assert outcome.rows == []


def test_a_column_without_values_in_train_may_have_some_later(validated, plain):
    nothing, some = pa.array([None] * 400, pa.float32()), pa.array([1.5] * 100, pa.float32())
    splits = {"train": plain(400, x=nothing), "eval": plain(100, x=some), "test": plain(100, x=some)}
    assert validated(splits=splits).rows == []


def test_one_missing_value_in_eval_does_not_stop_the_run(validated, plain):
    carrier = [None, *plain(99)["carrier"]]
    assert validated(splits={"train": plain(), "eval": plain(100, carrier=carrier), "test": plain(100)}).rows == []


def test_many_missing_values_in_eval_do(validated, plain):
    hour = [None] * 30 + list(range(70))
    outcome = validated(splits={"train": plain(), "eval": plain(100, hour=hour), "test": plain(100)})
    row = outcome.row("eval", "hour")
    assert (row["kind"], row["examples"], row["share"]) == ("FEATURE_TYPE_LOW_FRACTION_PRESENT", 30, 0.3)
    assert "presence { min_fraction: 0.7 min_count: 1 }" in row["fix"]


@pytest.mark.parametrize("target_missing_in", ["train", "eval", "test"])
def test_an_example_without_a_target_stops_the_run(validated, plain, target_missing_in):
    splits = {split: plain(1000) for split in ("train", "eval", "test")}
    splits[target_missing_in]["late"] = [None, *splits[target_missing_in]["late"][1:]]
    outcome = validated(splits=splits)
    row = outcome.row(target_missing_in, "late")
    assert (row["examples"], row["share"]) == (1, 0.001)
    assert len(outcome.rows) == 1


def test_an_open_vocabulary_may_have_new_values(validated, plain):
    names = [f"N{n}" for n in range(400)]
    some = [f"N{n % 90}" for n in range(400)]
    outcome = validated(plain(400, tail=names, few=some))
    assert outcome.rows == []
    schema = tfdv.load_schema_text(str(outcome.schema))
    assert [domain.name for domain in schema.string_domain] == ["carrier"]
    assert not tfdv.get_feature(schema, "tail").HasField("domain")


def test_a_rare_new_value_of_a_closed_vocabulary_is_tolerated_and_a_frequent_one_is_not(validated, plain):
    def new(count):
        return plain(100, carrier=["ZZ"] * count + plain(100 - count)["carrier"])

    assert validated(splits={"train": plain(), "eval": new(2), "test": plain(100)}).rows == []
    row = validated(splits={"train": plain(), "eval": new(30), "test": plain(100)}).row("eval", "carrier")
    assert (row["kind"], row["examples"]) == ("ENUM_TYPE_UNEXPECTED_STRING_VALUES", 30)
    assert 'in string_domain "carrier" add value: "ZZ"' in row["fix"]
    assert row["line"] is None
    assert "stellwerk schema" in row["fix"]


def test_nan_and_infinity_stop_the_run_and_are_counted(validated, plain):
    bad = np.array([np.nan] * 3 + [np.inf, -np.inf] + [1.0] * 95, np.float32)
    outcome = validated(splits={"train": plain(), "eval": plain(100, distance=bad), "test": plain(100)})
    rows = {row["kind"]: row["examples"] for row in outcome.rows}
    assert rows == {"FLOAT_TYPE_HAS_NAN": 3, "FLOAT_TYPE_HAS_INF": 2}


def test_a_split_of_nothing_but_nan_is_told(validated, plain):
    bad = np.full(100, np.nan, np.float32)
    outcome = validated(splits={"train": plain(), "eval": plain(100, distance=bad), "test": plain(100)})
    assert outcome.row("eval", "distance")["examples"] == 100


def test_a_refusal_comes_after_all_outputs_are_written_and_shows_a_table(validated, plain):
    hour = [None] * 300 + [1] * 100
    outcome = validated(splits={"train": plain(), "eval": plain(hour=hour), "test": plain()})
    assert {path.name for path in outcome.folder.iterdir()} == {"examples", "statistics", "schema", "anomalies"}
    lines = str(outcome.refused).splitlines()
    assert lines[0].startswith("The data do not pass: 1 anomaly.")
    assert lines[1].split() == ["split", "column", "examples", "what"]
    assert lines[2].split()[:4] == ["eval", "hour", "300", "(75.00%)"]
    assert lines[1].index("what") == lines[2].index("values in")
    assert lines[3].strip().startswith("→ ")
    assert outcome.proto("eval").anomaly_info


def test_a_two_among_zeros_and_ones_stops_the_run(validated, plain):
    flag, more = [n % 2 for n in range(400)], [n % 3 for n in range(400)]
    splits = {"train": plain(flag=flag), "eval": plain(flag=more), "test": plain(flag=flag)}
    assert validated(splits=splits).row("eval", "flag")["kind"] == "BOOL_TYPE_BIG_INT"


def test_a_long_table_ends_with_how_many_more_there_are(validated, plain):
    late = {f"x{n}": np.full(400, np.nan, np.float32) for n in range(20)}
    outcome = validated(splits={split: plain(**late) for split in ("train", "eval", "test")})
    assert len(outcome.rows) == 60
    assert str(outcome.refused).splitlines()[-1] == "and 10 more, in anomalies.json"


def test_warn_only_reports(validated, plain):
    hour = [None] * 300 + [1] * 100
    outcome = validated(splits={"train": plain(), "eval": plain(hour=hour), "test": plain()}, on_anomaly="warn")
    assert outcome.refused is None
    assert len(outcome.rows) == 1


def test_a_split_without_examples_is_an_anomaly(validated, plain):
    schema = pa.table(plain(1)).schema
    outcome = validated(splits={"train": plain(), "eval": pa.table(plain(1)).slice(0, 0).cast(schema), "test": plain()})
    row = next(row for row in outcome.rows if row["split"] == "eval")
    assert (row["kind"], row["column"], row["examples"]) == ("NO_EXAMPLES", None, 0)
    assert "(all)" in str(outcome.refused)


def test_a_missing_target_column_names_the_near_one(validated, plain):
    with pytest.raises(DataError, match=r"target\.column: the data have no column 'lat'\. Did you mean 'late'\?"):
        validated(plain(), target=Target(column="lat", type="binary"))


def test_a_train_split_without_examples_says_so(validated, plain):
    with pytest.raises(DataError, match="the train split has no examples"):
        validated(splits={"train": pa.table(plain(1)).slice(0, 0), "eval": plain(), "test": plain()})


def test_binary_columns_are_neither_counted_as_texts_nor_refused(validated, plain):
    images = pa.array([bytes([255, 254, n % 256]) for n in range(400)], pa.binary())
    outcome = validated(plain(400, image=images))
    assert outcome.rows == []
    statistics = tfdv.load_stats_binary(str(outcome.statistics / "train" / "FeatureStats.pb")).datasets[0]
    assert statistics.features[-1].HasField("bytes_stats")
