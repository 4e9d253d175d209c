"""What the guide of texts says of cleaning is so, row by row."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import tensorflow as tf
import yaml
from pydantic import TypeAdapter

from stellwerk.kinds.text.cleaning import PARTS, words_of
from stellwerk.kinds.text.keys import Text
from stellwerk.spec.features import Feature

GUIDE = (Path(__file__).parents[3] / "docs" / "guides" / "texts.md").read_text(encoding="utf-8")

ROWS = re.findall(r"^\| `(\{.*?\})` \| `(.*?)` \| `(.*?)` \|$", GUIDE, re.MULTILINE)


def text(**keys) -> Text:
    return TypeAdapter(Text).validate_python({"type": "text", **keys})


def words(texts: list[str | bytes], **keys) -> list[str]:
    return [b" ".join(each).decode() for each in words_of(tf.constant(texts), text(**keys)).to_list()]


@pytest.mark.parametrize(("keys", "given", "made"), ROWS)
def test_a_text_becomes_these_words(keys: str, given: str, made: str):
    assert words([json.loads(f'"{given}"')], **yaml.safe_load(keys)) == [made]


def test_every_choice_is_in_the_table():
    said = " ".join(keys for keys, _, _ in ROWS)
    assert all(part in said for part in PARTS)
    assert {"token", "digits", "split", "keep"} <= set(re.findall(r"\w+", said))


def test_the_features_of_the_guide_are_features():
    block = re.search(r"^```yaml\n(features:.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
    assert block is not None
    made = TypeAdapter(dict[str, Feature]).validate_python(yaml.safe_load(block[1])["features"])
    assert [type(one) for one in made.values()] == [Text, Text]


def test_lines_are_told_before_tags_and_a_rule_in_the_middle_is_no_footer():
    mail = (
        "X-A: 1\r\nTo: <b@example.org>,\r\n  c@example.org\r\n\r\nabove\r\n-----\r\n" + "below\r\n" * 20 + "-- \r\nAda"
    )
    (made,) = words([mail], strip=["html", "footers", "headers"])
    assert made == "above " + " ".join(["below"] * 20)
    assert words(["Time: five\nno empty line follows"], strip=["headers"]) == ["time five no empty line follows"]


@pytest.mark.parametrize("lowercase", [True, False])
def test_bytes_that_are_no_utf_8_stand_between_words(lowercase: bool):
    made = words(["caf\xe9 um eins".encode("latin-1"), b"\xff\xfeh\x00i\x00", b""], lowercase=lowercase)
    assert made[0] == "caf um eins"
    assert made[2] == ""


@pytest.mark.parametrize("part", [*PARTS, "none"])
def test_a_text_of_10_mb_is_cleaned(part: str):
    long = "<p " + "word > - 1 \n" * 870_000
    (made,) = words([long], strip=[part] if part in PARTS else [], punctuation="split", numbers="token")
    assert made.startswith("<") == (part != "html")
    assert len(made) > 1_000_000 or part == "quotes"
