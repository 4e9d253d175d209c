"""Formats with the directives of strptime, inside the graph."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import tensorflow as tf

from stellwerk.kinds.time.moments import from_format

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
