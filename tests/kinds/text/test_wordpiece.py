"""Pieces of words: what is learned, and that the graph cuts as `tokenizers` does."""

from __future__ import annotations

import re
import time
from collections import Counter
from pathlib import Path

import pytest
import tensorflow as tf
import tokenizers
from pydantic import ValidationError

from stellwerk.errors import DataError
from stellwerk.kinds.text import extra
from stellwerk.kinds.text.cleaning import words_of
from stellwerk.kinds.text.keys import Text
from stellwerk.kinds.text.wordpiece import learned

ROOT = Path(__file__).parents[3]
REAL = sorted((ROOT / "docs").rglob("*.md"))
"""Real texts: pages of this repository, with code, tables and names in them."""


def feature(**keys) -> Text:
    return Text(**{"type": "text", "encoding": "tokens", **keys})


def test_the_pairs_that_are_there_most_often_become_pieces():
    counts = [("playing", 9), ("played", 5), ("sing", 4), ("plum", 1)]
    made = learned(counts, 40)
    assert {"p", "##l", "pl", "play", "##ing", "playing", "played"} <= set(made)
    assert "plum" not in made, "it is there once"
    assert len(learned(counts, 16)) == 16
    assert learned([("aaaa", 3), ("z" * 31, 9)], 10) == ["##a", "a", "##aa", "##aaa", "aaaa"]


def test_the_same_words_give_the_same_pieces_and_50_000_take_seconds():
    words = Counter(re.findall(r"\w+", " ".join(page.read_text() for page in REAL).lower()))
    counts = sorted(words.items(), key=lambda one: (-one[1], one[0]))
    many = [(f"{word}{suffix}", count) for suffix in ("", "ly", "ing", "er", "ness", "s") for word, count in counts]
    start = time.process_time()
    made = learned(many, 4_000)
    assert time.process_time() - start < 20
    assert made == learned(many, 4_000)
    assert len(made) == len(set(made)) == 4_000


def test_no_word_gives_no_piece():
    assert learned([], 10) == []


def test_the_graph_cuts_real_texts_as_tokenizers_does(make, tmp_path):
    texts = [page.read_text() for page in REAL] + ["", "größer als ЖИЗНЬ, 東京タワー ☃\u0011\u0011", "x" * 101, "don't"]
    keys = {"tokens": "wordpiece", "vocabulary": 3000, "max_tokens": 100_000, "punctuation": "split"}
    made = make({"x": texts}, type="text", encoding="tokens", **keys)
    pieces = (tmp_path / "x").read_text().splitlines()
    vocabulary = {piece: place for place, piece in enumerate([*pieces, "[UNK]"], 1)}
    assert made.line()["size"] == len(pieces) + 2 == 3002
    model = tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100)
    theirs = tokenizers.Tokenizer(model)
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    for row, words in zip(made.values(), words_of(tf.constant(texts), feature(**keys)).to_list(), strict=True):
        ids = theirs.encode(b" ".join(words).decode()).ids
        assert row[: len(ids)] == ids
        assert not any(row[len(ids) :])


def test_a_piece_of_control_characters_alone_is_none(make):
    made = make({"x": ["\x11 tea \x11\x01", "\x11"]}, type="text", encoding="tokens", tokens="wordpiece", max_tokens=3)
    assert made.values()[1] == [0, 0, 0]


def test_one_normal_form_makes_equal_what_looks_equal():
    texts = tf.constant(["cafe\u0301 \ufb01sh \uff21", "caf\u00e9 fish A"])
    one, other = words_of(texts, feature(normalize="NFKC")).to_list()
    assert one == other == ["caf\u00e9".encode(), b"fish", b"a"]
    one, other = words_of(texts, feature(normalize="NFC")).to_list()
    assert one[0] == other[0]
    assert one[1] != other[1]


def test_pieces_are_tokens_in_order():
    with pytest.raises(ValidationError, match="belongs to encoding: tokens"):
        feature(tokens="wordpiece", encoding="bag_of_words")


def test_without_the_extra_the_keys_that_need_it_are_told(monkeypatch):
    monkeypatch.setattr(extra, "register_operations", lambda: False)
    with pytest.raises(DataError, match=r"need the package tensorflow_text: pip install 'stellwerk\[text\]'"):
        words_of(tf.constant(["tea"]), feature(normalize="NFC"))
    assert list(feature(normalize="NFC", tokens="wordpiece").needs()) == ["tokens", "normalize"]
    assert feature().needs() == {}
