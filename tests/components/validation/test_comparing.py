"""Skew between splits and drift between runs."""

from __future__ import annotations

import numpy as np
import pytest

from stellwerk.errors import DataError


def shifted(plain, **other):
    return plain(carrier=["AA"] * 400, hour=[5] * 400, distance=np.full(400, 49.0, np.float32), **other)


@pytest.mark.parametrize("column", ["carrier", "hour"])
def test_other_shares_of_values_in_eval_are_skew(validated, plain, column):
    splits = {"train": plain(), "eval": shifted(plain), "test": plain()}
    outcome = validated(splits=splits, skew={column: {"l_infinity": 0.1}})
    row = outcome.row("eval", column)
    assert row["kind"] == "SKEW_L_INFTY_HIGH"
    assert (row["examples"], row["line"]) == (None, None)
    assert f"validate: {{skew: {{{column}: {{l_infinity:" in row["fix"]
    assert len(outcome.rows) == 1
    diff = outcome.proto("eval")
    assert list(diff.anomaly_info) == [column]
    assert diff.drift_skew_info[0].skew_measurements[0].threshold == pytest.approx(0.1)


@pytest.mark.parametrize("column", ["carrier", "hour", "distance"])
def test_another_distribution_in_eval_is_skew(validated, plain, column):
    splits = {"train": plain(), "eval": shifted(plain), "test": plain()}
    outcome = validated(splits=splits, skew={column: {"jensen_shannon": 0.1}})
    assert outcome.row("eval", column)["kind"] == "SKEW_JENSEN_SHANNON_DIVERGENCE_HIGH"


def test_small_differences_are_no_skew(validated, plain):
    skew = {"carrier": {"l_infinity": 0.1}, "hour": {"l_infinity": 0.1}, "distance": {"jensen_shannon": 0.1}}
    assert validated(splits={"train": plain(), "eval": plain(300), "test": plain(200)}, skew=skew).rows == []


def test_the_fix_of_a_skew_makes_the_run_pass(validated, plain):
    splits = {"train": plain(), "eval": shifted(plain), "test": plain()}
    row = validated(splits=splits, skew={"carrier": {"l_infinity": 0.1}}).row("eval", "carrier")
    limit = float(row["fix"].rpartition("l_infinity: ")[2].rstrip("}"))
    assert validated(splits=splits, skew={"carrier": {"l_infinity": limit}}).rows == []


def test_drift_compares_train_with_the_last_run(validated, plain):
    before = validated(plain()).statistics
    drift = {"carrier": {"l_infinity": 0.1}, "distance": {"jensen_shannon": 0.1}}
    assert validated(plain(), previous=before, drift=drift).rows == []
    outcome = validated(shifted(plain), previous=before, drift=drift)
    assert [row["kind"] for row in outcome.rows] == ["DRIFT_L_INFTY_HIGH", "DRIFT_JENSEN_SHANNON_DIVERGENCE_HIGH"]
    assert {row["split"] for row in outcome.rows} == {"train"}
    assert "the last run that passed" in outcome.rows[0]["what"]


def test_without_an_earlier_run_there_is_no_drift(validated, plain):
    assert validated(shifted(plain), drift={"carrier": {"l_infinity": 0.01}}).rows == []


def test_a_column_that_was_measured_otherwise_before_is_not_compared(validated, plain):
    before = validated(plain(carrier=None)).statistics
    drift = {"hour": {"l_infinity": 0.01}, "carrier": {"l_infinity": 0.01}}
    assert validated(plain(), previous=before, drift=drift).rows == []


def test_comparators_in_a_curated_schema_count_and_the_spec_goes_before_them(validated, plain):
    text = "".join(
        f'feature {{ name: "{name}" type: {kind} {more} }}\n'
        for name, kind, more in [
            ("carrier", "BYTES", "skew_comparator { infinity_norm { threshold: 0.1 } }"),
            ("hour", "INT", ""),
            ("distance", "FLOAT", ""),
            ("late", "INT", ""),
        ]
    )
    splits = {"train": plain(), "eval": shifted(plain), "test": plain()}
    assert validated(splits=splits, curated=text).row("eval", "carrier")["kind"] == "SKEW_L_INFTY_HIGH"
    assert validated(splits=splits, curated=text, skew={"carrier": {"l_infinity": 0.9}}).rows == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"skew": {"carier": {"l_infinity": 0.1}}}, r"validate\.skew\.carier: .* Did you mean 'carrier'\?"),
        ({"drift": {"dist": {"jensen_shannon": 0.1}}}, r"validate\.drift\.dist: the data have no column"),
        ({"skew": {"distance": {"l_infinity": 0.1}}}, "Use jensen_shannon"),
    ],
)
def test_a_comparator_that_cannot_be_asked_is_refused(validated, plain, settings, said):
    with pytest.raises(DataError, match=said):
        validated(plain(), **settings)


def test_broken_statistics_of_an_earlier_run_say_so(validated, plain, tmp_path):
    (tmp_path / "old" / "train").mkdir(parents=True)
    (tmp_path / "old" / "train" / "FeatureStats.pb").write_bytes(b"no protobuf")
    for previous in (tmp_path / "old", tmp_path / "none"):
        with pytest.raises(DataError, match="the statistics to compare with cannot be read"):
            validated(plain(), previous=previous, drift={"carrier": {"l_infinity": 0.1}})
