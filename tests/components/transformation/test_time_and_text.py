"""Times and texts, parsed and normalised inside the graph."""

from __future__ import annotations

import datetime
import math

import numpy as np
import pyarrow as pa
import pytest
import tensorflow_transform as tft

from stellwerk.errors import DataError

MISSING = -(2**63)

ISO = [
    "2013-01-01T05:15:00Z",
    "2016-02-29",
    "1969-12-31 23:59:59",
    "2000-12-31T23:30:00-01:00",
    "2013-07-04T12:00+0530",
    " 2013-07-04T12:00:01.25Z ",
    None,
    "",
    "2013-02-30",
    "2013-13-01",
]


@pytest.fixture(scope="module")
def times(run_transform):
    parts = ["year", "month", "day", "day_of_year", "weekday", "hour", "minute", "second"]
    rows = {
        "iso": pa.array(ISO),
        "epoch": pa.array([0, 86_399, 951_782_400, -1, 4_102_444_800, None, 0, 0, 0, 0]),
        "millis": pa.array([1_356_998_399_999, None, 0, -1, 0, 0, 0, 0, 0, 0]),
        "clock": pa.array([515, 2400, 0, 2359, 2360, None, 99, -1, 1200, 5]),
        "digits": pa.array(["515", "0015", "x", None, "", "1", "2", "3", "4", "5"]),
    }
    features = {
        "ids": {"type": "time", "column": "iso", "parts": parts, "encoding": "category"},
        "epoch": {"type": "time", "parts": parts, "encoding": "category"},
        "millis": {"type": "time", "format": "epoch_milliseconds", "parts": ["hour", "second"], "encoding": "category"},
        "clock": {"type": "time", "format": "hhmm", "parts": ["hour", "minute"], "encoding": "category"},
        "digits": {"type": "time", "format": "hhmm", "parts": ["hour", "minute"], "encoding": "category"},
        "circle": {"type": "time", "column": "epoch", "parts": ["hour"]},
        "scaled": {"type": "time", "column": "epoch", "parts": ["hour"], "encoding": "number"},
    }
    return run_transform(rows, features)


def test_iso_texts_are_read_as_utc(times):
    assert times.values("ids_month") == [0, 1, 11, 0, 6, 6, 12, 12, 12, 12]
    assert times.values("ids_day") == [0, 28, 30, 0, 3, 3, 31, 31, 31, 31]
    assert times.values("ids_hour") == [5, 0, 23, 0, 6, 12, 24, 24, 24, 24]
    assert times.values("ids_minute") == [15, 0, 59, 30, 30, 0, 60, 60, 60, 60]
    assert times.values("ids_second") == [0, 0, 59, 0, 0, 1, 60, 60, 60, 60]
    assert times.values("ids_weekday") == [1, 0, 2, 0, 3, 3, 7, 7, 7, 7]
    assert times.values("ids_day_of_year")[:4] == [0, 59, 364, 0]


def test_year_is_always_a_scaled_number(times):
    years = np.array([2013, 2016, 1969, 2001, 2013, 2013])
    assert times.features["ids_year"]["kind"] == "number"
    assert times.values("ids_year")[:6] == pytest.approx((years - years.mean()) / years.std(), rel=1e-4)
    assert times.values("ids_year")[6:] == [0, 0, 0, 0]


def test_every_part_of_epoch_seconds_agrees_with_the_calendar(times):
    seconds = [0, 86_399, 951_782_400, -1, 4_102_444_800]
    epoch = datetime.datetime(1970, 1, 1)
    moments = [epoch + datetime.timedelta(seconds=second) for second in seconds]
    assert times.values("epoch_month")[:5] == [moment.month - 1 for moment in moments]
    assert times.values("epoch_day")[:5] == [moment.day - 1 for moment in moments]
    assert times.values("epoch_day_of_year")[:5] == [moment.timetuple().tm_yday - 1 for moment in moments]
    assert times.values("epoch_weekday")[:6] == [*(moment.weekday() for moment in moments), 7]
    assert times.values("epoch_hour")[:5] == [moment.hour for moment in moments]
    assert times.values("epoch_second")[:5] == [moment.second for moment in moments]


def test_milliseconds_are_rounded_down(times):
    assert times.values("millis_second")[:4] == [59, 60, 0, 59]
    assert times.values("millis_hour")[:4] == [23, 24, 0, 23]


def test_hhmm_is_a_time_of_day_and_what_is_none_is_missing(times):
    assert times.values("clock_hour") == [5, 0, 0, 23, 24, 24, 24, 24, 12, 0]
    assert times.values("clock_minute") == [15, 0, 0, 59, 60, 60, 60, 60, 0, 5]
    assert times.features["clock_hour"]["size"] == 25


def test_hhmm_may_be_text(times):
    assert times.values("digits_hour")[:6] == [5, 0, 24, 24, 24, 0]
    assert times.values("digits_minute")[:6] == [15, 15, 60, 60, 60, 1]


def test_a_circle_puts_the_last_hour_beside_the_first_and_missing_in_the_middle(times):
    sin, cos = times.values("circle_hour_sin"), times.values("circle_hour_cos")
    assert (sin[0], cos[0]) == (0, 1)
    assert sin[1] == pytest.approx(math.sin(2 * math.pi * 23 / 24), abs=1e-6)
    assert cos[1] == pytest.approx(math.cos(2 * math.pi * 23 / 24), abs=1e-6)
    assert (sin[5], cos[5]) == (0, 0)


def test_a_part_as_number_is_scaled_and_missing_is_the_mean(times):
    values = np.array(times.values("scaled_hour"))
    assert np.delete(values, 5).mean() == pytest.approx(0, abs=1e-6)
    assert values[5] == 0


def test_nonsense_at_serving_is_missing(times):
    served = times.serve(
        iso=["yesterday", "2013-01-01T05:15:00Z"],
        epoch=[MISSING, 0],
        millis=[0, 0],
        clock=[9999, 515],
        digits=["", "1"],
    )
    assert served["ids_hour"].tolist() == [24, 5]
    assert served["clock_hour"].tolist() == [24, 5]


TEXTS = [
    "<b>Good</b> movie &amp; good actors!",
    "Bad movie, 3.5 of 10 ...",
    None,
    "Größe ЖИЗНЬ हिन्दी 東京",
    "   ",
    "good",
]


def test_whole_numbers_are_read_in_a_format_too(run_transform):
    rows = {"day": [20240301, 20241231, None], "y": [0, 1, 1]}
    feature = {"type": "time", "format": "%Y%m%d", "parts": ["month"], "encoding": "category"}
    made = run_transform(rows, {"day": feature}, {"column": "y", "type": "binary"})
    assert made.values("day_month") == [2, 11, 12]


def test_numbers_that_cannot_be_seconds_are_refused_in_a_run_as_in_check(run_transform):
    rows = {"day": [20240301, 20241231, 20230405], "y": [0, 1, 1]}
    with pytest.raises(DataError, match="such as 20240301, which look like dates written as digits"):
        run_transform(rows, {"day": {"type": "time"}}, {"column": "y", "type": "binary"})


def test_a_target_whose_differences_32_bits_lose_is_refused(run_transform):
    rows = {"x": [1.0, 2.0, 3.0], "y": [10**12, 10**12 + 20, 10**12 + 50]}
    with pytest.raises(DataError, match="tell numbers apart that differ by 65536"):
        run_transform(rows, {"x": {"type": "number"}}, {"column": "y", "type": "regression"})


def test_a_pattern_is_every_column_that_is_called_so(run_transform):
    rows = {"pixel_0": [1.0, 2.0], "pixel_1": [3.0, 4.0], "other": [1.0, 1.0], "y": [0, 1]}
    made = run_transform(rows, {"pixel_*": {"type": "number", "scale": "none"}}, {"column": "y", "type": "binary"})
    assert list(made.features) == ["pixel_0", "pixel_1"]
    with pytest.raises(DataError, match=r"features\.voxel_\*: means no column"):
        run_transform(rows, {"voxel_*": {"type": "number"}}, {"column": "y", "type": "binary"})


@pytest.fixture(scope="module")
def texts(run_transform):
    features = {
        "bag": {"type": "text", "column": "text"},
        "words": {"type": "text", "column": "text", "encoding": "tokens", "max_tokens": 4, "embedding": 8},
        "numbers": {"type": "text", "column": "text", "numbers": "token", "encoding": "tokens"},
        "raw": {
            "type": "text",
            "column": "text",
            "encoding": "tokens",
            "lowercase": False,
            "strip": [],
            "punctuation": "keep",
        },
        "small": {"type": "text", "column": "text", "vocabulary": 2},
        "empty": {"type": "text"},
    }
    return run_transform({"text": pa.array(TEXTS), "empty": pa.array(["", None, " ", ".", "<br>", None])}, features)


def _vocabulary(transformed, name):
    return [word.decode() for word in tft.TFTransformOutput(str(transformed.graph)).vocabulary_by_name(name)]


def test_words_are_lower_case_letters_of_any_script_without_tags_and_punctuation(texts):
    words = _vocabulary(texts, "bag")
    assert words[:2] == ["good", "movie"]
    assert {"größe", "жизнь", "हिन्दी", "東", "京", "3", "5", "10", "actors"} <= set(words)
    assert not {"b", "amp", "&", "...", "!"} & set(words)


def test_a_bag_of_words_holds_tf_idf(texts):
    words = _vocabulary(texts, "bag")
    bag = texts.values("bag")
    assert texts.features["bag"] == {"name": "bag", "feature": "bag", "kind": "vector", "width": len(words)}
    assert bag[0][words.index("good")] == pytest.approx(2 / 4 * (math.log(7 / 3) + 1))
    assert bag[1][words.index("movie")] == pytest.approx(1 / 6 * (math.log(7 / 3) + 1))
    assert bag[1][words.index("good")] == 0
    assert bag[2] == bag[4] == [0] * len(words)


def test_words_outside_the_vocabulary_count_in_the_length_of_a_text_only(texts):
    assert texts.features["small"]["width"] == 2
    assert texts.values("small")[3] == [0, 0]
    assert texts.values("small")[5] == pytest.approx([math.log(7 / 3) + 1, 0])


def test_tokens_are_word_ids_in_order_cut_and_padded_with_zero(texts):
    words = _vocabulary(texts, "words")
    good, movie, actors = (words.index(word) + 1 for word in ("good", "movie", "actors"))
    values = texts.values("words")
    assert values[0] == [good, movie, good, actors]
    assert values[2] == [0, 0, 0, 0]
    assert values[5] == [good, 0, 0, 0]
    line = texts.features["words"]
    assert (line["kind"], line["length"], line["size"], line["embedding"]) == ("tokens", 4, len(words) + 2, 8)


def test_an_unknown_word_has_the_last_id(texts):
    served = texts.serve(text=["good unheard"], empty=["word"])
    size = texts.features["words"]["size"]
    assert served["words"].tolist() == [[1, size - 1, 0, 0]]


def test_numbers_become_one_word(texts):
    words = _vocabulary(texts, "numbers")
    assert "<number>" in words
    assert not {"3", "5", "10"} & set(words)


def test_without_normalisation_words_stay_as_written(texts):
    assert {"<b>Good</b>", "movie,", "&amp;", "3.5", "Größe"} <= set(_vocabulary(texts, "raw"))


def test_texts_without_a_word_make_a_vector_of_one_zero(texts):
    assert texts.features["empty"]["width"] == 1
    assert texts.values("empty") == [[0]] * 6
    assert texts.serve(text=[""], empty=["word"])["empty"].tolist() == [[0]]
