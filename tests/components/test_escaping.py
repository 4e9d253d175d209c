"""What a text says is what arrives, whatever signs are in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellwerk.components.escaping import MARK, marked, readable

SIGNS = st.text(st.sampled_from("{}$( )a=.\n東"), max_size=30)


@given(SIGNS)
def test_nothing_in_a_marked_text_means_anything_to_who_carries_it_and_it_is_read_as_it_was(text: str):
    carried = marked(text)
    assert not any(sign in carried for sign in ("{{", "$$", "$("))
    assert readable(carried) == text


def test_a_text_without_such_signs_is_left_as_it_is():
    text = "SELECT {a: 1} AS s, '$1' AS price, ')' FROM t"
    assert marked(text) == text


def test_every_text_inside_a_value_is_marked_and_what_is_none_stays():
    value = {"{{a}}": ["$$", 1, 0.5, True, None, {"b": "$(C)"}]}
    assert marked(value) == {f"{{{MARK}{{a}}}}": [f"${MARK}$", 1, 0.5, True, None, {"b": f"${MARK}(C)"}]}
    assert readable(marked(value)) == value


@pytest.mark.parametrize("value", [object(), print, b"$$"])
def test_what_is_no_json_value_is_left_alone(value: object):
    assert readable({"given": value})["given"] is value
