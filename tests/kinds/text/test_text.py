"""Texts: bags of words, tokens, and what is no prose."""

from __future__ import annotations

import math

TEXTS = ["Good, good <b>tea</b>!", "bad tea"]


def test_a_bag_of_words_is_a_vector_of_tf_idf(make):
    made = make({"x": TEXTS}, type="text")
    rare = round(2 / 3 * (math.log(3 / 2) + 1), 4)
    assert made.line() == {"name": "x", "feature": "x", "kind": "vector", "width": 3}
    assert sorted(made.values()[0]) == [0.0, round(1 / 3, 4), rare]


def test_tokens_are_cut_and_padded(make):
    made = make({"x": TEXTS}, type="text", encoding="tokens", max_tokens=2, embedding=4)
    assert made.values()[0][0] == made.values()[0][1] != 0
    assert {"kind": "tokens", "size": 5, "length": 2, "embedding": 4}.items() <= made.line().items()
    assert make({"x": ["tea"]}, type="text", encoding="tokens", max_tokens=2).values() == [[1, 0]]


def test_a_first_spec_makes_words_of_texts_whose_words_recur(propose):
    prose = [f"the tea of day {step % 7} was good enough" for step in range(40)]
    assert propose("text", "remark", prose).settings == {"type": "text"}
    assert propose("text", "code", [f"a{step}" for step in range(40)]) is None
