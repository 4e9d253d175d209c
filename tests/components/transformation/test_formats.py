"""Formats with the directives of strptime, inside the graph."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import tensorflow as tf

from stellwerk.components.transformation.moments import from_format
from stellwerk.errors import DataError

MOMENT = datetime(2024, 3, 1, 13, 5, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("%d.%m.%Y %H:%M:%S", "01.03.2024 13:05:09"),
        ("%d.%m.%Y %H:%M:%S", " 1.3.2024 13:5:9 "),
        ("%Y%m%d%H%M%S", "20240301130509"),
        ("%m/%d/%y %I:%M:%S %p", "03/01/24 01:05:09 pm"),
        ("%d %b %Y %H:%M:%S.%f", "1 Mar 2024 13:05:09.125"),
        ("%d-%B-%Y %H:%M:%S %z", "01-March-2024 15:05:09 +0200"),
        ("%H:%M:%S Uhr am %d.%m.%Y", "13:05:09 Uhr am 01.03.2024"),
    ],
)
def test_a_text_is_the_moment_that_its_format_says(form, text):
    seconds, valid = from_format(tf.constant([text]), form)
    assert bool(valid[0])
    assert int(seconds[0]) == int(MOMENT.timestamp())


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("%d.%m.%Y", "31.02.2024"),
        ("%d.%m.%Y", "2024-03-01"),
        ("%m/%d/%Y", "13/01/2024"),
        ("%H:%M", "24:00"),
        ("%d %b %Y", "1 Foo 2024"),
    ],
)
def test_another_text_is_none(form, text):
    assert not bool(from_format(tf.constant([text]), form)[1][0])


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
