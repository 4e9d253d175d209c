"""A curated schema: its mistakes, and what does not fit it."""

from __future__ import annotations

import pytest

from stellwerk.components.validation.curated import lines_of, read_curated
from stellwerk.components.validation.curating import HEADER, curate
from stellwerk.errors import DataError, StepFailed, UsageError
from stellwerk.spec import Target

FEATURE = 'feature {{\n  name: "{name}"\n  type: {type}\n  presence {{ min_fraction: 1 min_count: 1 }}\n{more}}}\n'


def schema_text(more=None, **types):
    given = {"carrier": "BYTES", "hour": "INT", "distance": "FLOAT", "late": "INT", **types}
    more = more or {}
    return "".join(
        FEATURE.format(name=name, type=kind, more=more.get(name, "")) for name, kind in given.items() if kind
    )


def test_data_that_fit_pass_and_the_schema_is_kept_with_its_comments(validated, plain):
    text = "# our flights\n" + schema_text()
    outcome = validated(plain(), curated=text)
    assert outcome.rows == []
    assert outcome.schema.read_text() == text


def test_texts_in_a_number_column_are_told_with_line_and_count(validated, plain):
    outcome = validated(plain(distance=["far"] * 400), curated=schema_text())
    row = outcome.row("train", "distance")
    assert (row["kind"], row["examples"], row["line"]) == ("UNEXPECTED_DATA_TYPE", 320, 11)
    assert row["what"] == "texts where the schema has numbers with fractions (type: FLOAT)"
    assert row["fix"].startswith('schemas/schema.pbtxt:11: in feature "distance" set type: BYTES')
    assert "schemas/schema.pbtxt:11" in str(outcome.refused)
    assert len(outcome.rows) == 3


def test_a_column_that_the_schema_lacks_comes_with_the_lines_to_add(validated, plain):
    outcome = validated(plain(gate=["A1", "B2"] * 200), curated=schema_text())
    row = outcome.row("eval", "gate")
    assert (row["kind"], row["examples"], row["line"]) == ("SCHEMA_NEW_COLUMN", 40, None)
    lines = row["fix"].partition("add ")[2]
    assert lines.startswith('feature { name: "gate"')
    assert validated(plain(gate=["A1", "B2"] * 200), curated=schema_text() + lines).rows == []


def test_a_column_that_the_data_lack_is_told(validated, plain):
    row = validated(plain(hour=None), curated=schema_text()).row("test", "hour")
    assert (row["kind"], row["examples"], row["share"], row["line"]) == ("SCHEMA_MISSING_COLUMN", 40, 1.0, 6)
    assert "DEPRECATED" in row["fix"]


def test_values_out_of_range_are_counted_exactly(validated, plain):
    more = {"hour": "  int_domain { min: 2 max: 21 }\n", "distance": "  float_domain { max: 48 }\n"}
    outcome = validated(plain(), curated=schema_text(more))
    told = {(row["column"], row["kind"]): row for row in outcome.rows if row["split"] == "train"}
    hours = plain(320)["hour"]
    assert told["hour", "INT_TYPE_BIG_INT"]["examples"] == sum(hour > 21 for hour in hours)
    assert "int_domain { max: 23 }" in told["hour", "INT_TYPE_BIG_INT"]["fix"]
    assert told["hour", "INT_TYPE_SMALL_INT"]["examples"] == sum(hour < 2 for hour in hours)
    assert told["distance", "FLOAT_TYPE_BIG_FLOAT"]["examples"] == 6
    assert "float_domain { max: 49 }" in told["distance", "FLOAT_TYPE_BIG_FLOAT"]["fix"]


def test_unexpected_values_come_with_the_values_to_add(validated, plain):
    more = {"carrier": '  domain: "airlines"\n'}
    text = schema_text(more) + '\nstring_domain { name: "airlines" value: "AA" value: "DL" }\n'
    outcome = validated(plain(), curated=text)
    row = outcome.row("train", "carrier")
    assert (row["examples"], row["line"]) == (plain(320)["carrier"].count("UA"), 1)
    assert row["what"] == 'values that the schema does not know: "UA"'
    assert row["fix"] == 'schemas/schema.pbtxt:23: in string_domain "airlines" add value: "UA"'


def test_categorical_whole_numbers_may_have_a_range(validated, plain):
    outcome = validated(plain(), curated=schema_text({"hour": "  int_domain { is_categorical: true max: 20 }\n"}))
    assert outcome.row("train", "hour")["examples"] == sum(hour > 20 for hour in plain(320)["hour"])


def test_what_has_no_explanation_of_its_own_is_told_in_tfdvs_words(validated, plain):
    outcome = validated(plain(), curated=schema_text({"carrier": "  unique_constraints { min: 10 max: 20 }\n"}))
    row = outcome.row("train", "carrier")
    assert row["kind"] == "FEATURE_TYPE_LOW_UNIQUE"
    assert row["examples"] is None
    assert "unique_constraints" in row["fix"] or "min:" in row["fix"]


def test_a_relaxed_target_must_still_be_present(validated, plain):
    relaxed = schema_text().replace(
        'name: "late"\n  type: INT\n  presence { min_fraction: 1 min_count: 1 }', 'name: "late"\n  type: INT'
    )
    outcome = validated(plain(late=[None] * 10 + [0, 1] * 195), curated=relaxed)
    row = outcome.row("train", "late")
    assert row["examples"] == 10
    assert row["fix"] == "leave these rows out in data.query, e.g. WHERE late IS NOT NULL"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('feature {\n  name: "a"\n  typ: INT\n}\n', r"schemas/schema\.pbtxt:3: the schema does not parse: .*typ"),
        ('feature {\n  name: "a"\n', r"schemas/schema\.pbtxt:\d: the schema does not parse"),
        ("", r"schemas/schema\.pbtxt: the schema has no feature"),
        (schema_text() + 'feature { name: "hour" type: INT }', r"schema\.pbtxt:21: feature 'hour' stands twice"),
        ("feature { type: INT }", "a feature has no name"),
        (
            'feature {\n name: "a" domain: "carriers" }\nstring_domain { name: "carrier" }',
            r"schema\.pbtxt:1: feature 'a' names the domain 'carriers', which does not exist\. Did you mean 'carrier'\?",
        ),
    ],
    ids=["unknown field", "not closed", "empty", "twice", "no name", "unknown domain"],
)
def test_a_mistake_in_the_schema_names_file_and_line(validated, plain, text, said):
    with pytest.raises(DataError, match=said):
        validated(plain(), curated=text)


def test_a_schema_that_is_no_text_says_so(tmp_path):
    (tmp_path / "bad.pbtxt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"bad\.pbtxt: the schema cannot be read"):
        read_curated(tmp_path / "bad.pbtxt", "bad.pbtxt")


def test_lines_are_those_of_top_level_features_only():
    text = """# feature { name: "comment" }
feature { name: "one" type: INT }
feature: <
  type: BYTES  # name: "no"
  name: 'tw\\"o }'
  annotation { comment: "feature { name: \\"three\\" }" }
>
string_domain { name: "four" value: "feature" }
feature {
  name: "five" struct_domain { feature { name: "six" } }
}
"""
    assert lines_of(text, "feature") == {"one": 2, 'tw"o }': 3, "five": 9}
    assert lines_of(text, "string_domain") == {"four": 8}


def test_a_curated_file_begins_with_how_to_edit_it_and_is_read_as_it_is(validated, plain, tmp_path):
    inferred = validated(plain())
    target = tmp_path / "schemas" / "schema.pbtxt"
    curate(inferred.schema.parent, target)
    assert target.read_text() == HEADER + inferred.schema.read_text()
    outcome = validated(plain(), curated=target.read_text())
    assert outcome.rows == []
    curate(outcome.schema, target, overwrite=True)
    assert target.read_text().count(HEADER) == 1


def test_a_curated_file_is_never_overwritten_unless_told(tmp_path):
    (tmp_path / "run.pbtxt").write_text("# new")
    (tmp_path / "schema.pbtxt").write_text("# hours of work")
    with pytest.raises(UsageError, match=r"schema\.pbtxt: exists already"):
        curate(tmp_path / "run.pbtxt", tmp_path / "schema.pbtxt")
    assert (tmp_path / "schema.pbtxt").read_text() == "# hours of work"
    with pytest.raises(StepFailed, match="cannot be read"):
        curate(tmp_path / "none.pbtxt", tmp_path / "other.pbtxt")


def test_a_schema_for_a_target_of_texts_is_curated_the_same(validated, plain):
    late = ["yes", "no"] * 200
    outcome = validated(plain(late=late), target=Target(column="late", type="binary"))
    again = validated(plain(late=late), curated=outcome.schema.read_text())
    assert outcome.rows == again.rows == []
