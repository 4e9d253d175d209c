"""`check` finds what a run would refuse, and says what to do about it."""

from __future__ import annotations

import pytest


def rows(age="{row}", left="{half}", count: int = 400, plan: str = "plus", divided: str = ",") -> str:
    lines = [
        divided.join((age, plan, left)).format(row=row, half=row % 2, third="" if row % 3 else row % 2)
        for row in range(count)
    ]
    return "\n".join([divided.join(("age", "plan", "left")), *lines, ""])


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        (rows(left="{third}"), ["266 of 400 rows are bad (66.5%)", "left: the target is missing (266)", "data.csv:3:", 'WHERE "left" IS NOT NULL']),
        (rows(plan="a,b"), ["too many values (400)", "data.csv:2: too many values: 0,a,b,0"]),
        (rows(plan='"a" b'), ["a quote inside a value, or one that is not closed (400)", "data.csv:2:"]),
        (rows(age="inf"), ["age: infinite, or too large for 32 bits (400)", "CASE WHEN isfinite"]),
        (rows(plan="caf\xe9").encode("latin-1"), ["not utf-8 (400)", "`encoding: cp1252`"]),
    ],
    ids=["no target", "ragged", "misquoted", "infinite", "not utf-8"],
)  # fmt: skip
def test_rows_that_a_run_would_refuse_are_told(checked, data, parts: list[str]):
    problems, _ = checked(data)
    assert len(problems) == 1
    assert problems[0].startswith("p.yaml:4: data.sources.c: ")
    assert [part for part in [*parts, "more than data.max_bad_share allows"] if part not in problems[0]] == []


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        ("{row},5", '`decimal: ","`'),
        ("1.234,{row}", '`decimal: ","` and `thousands: "."`'),
        ('"{row:03},000"', '`thousands: ","`'),
        ("${row}", "regexp_replace(\"age\", '[^0-9.-]', '', 'g')"),
        ("{row}%", "CAST(replace(\"age\", '%', '') AS DOUBLE) / 100"),
        ("{row} kg", "regexp_extract(\"age\", '-?[0-9.]+')"),
    ],
)
@pytest.mark.parametrize("told", [False, True], ids=["inferred", "told"])
def test_numbers_that_are_written_otherwise_get_the_key_or_the_cast(
    checked, leaving, value: str, advice: str, told: bool
):
    types = ["data.sources.c.types={age: number}"] if told else []
    spec = leaving.replace("c: data.csv", 'c: {path: data.csv, delimiter: ";"}')
    (problem,), _ = checked(rows(age=value, divided=";"), *types, spec=spec)
    assert advice in problem
    assert "type: category" not in problem


def test_texts_among_numbers_are_named_with_null_values(checked):
    data = rows().replace("\n1", "\n?").replace("\n2", "\n-").replace("\n-3", "\nNone")
    data = "\n".join(
        ["age,plan,left", *(f"{('?', '-', 'None', row, row)[row % 5]},plus,{row % 2}" for row in range(400)), ""]
    )
    (problem,), _ = checked(data)
    assert "p.yaml:6: features.age.type: type: number, but 'age' holds texts such as" in problem
    assert '`null_values: ["None", "?", "-"]`' in problem or '`null_values: ["None", "-", "?"]`' in problem
    named = problem.partition("`null_values: ")[2].partition("`")[0]
    assert checked(data, f"data.sources.c={{path: data.csv, null_values: {named}}}")[0] == []


def test_a_class_that_means_missing_is_told(checked):
    data = "age,plan,left\n" + "".join(f"{row},plus,{('None', 'mild', 'bad')[row % 3]}\n" for row in range(300))
    (problem,), _ = checked(data, "target.type=multiclass")
    assert "In 'left' 'None' means missing; if it is a class, say `null_values: []`" in problem
    assert checked(data, "target.type=multiclass", "data.sources.c={path: data.csv, null_values: []}")[0] == []


def test_few_bad_rows_are_a_note_and_none_where_they_fail_the_run(checked):
    data = rows(count=100) + "100,plus\n"
    problems, (note,) = checked(data)
    assert problems == []
    assert note.startswith("c: 1 of 101 rows that were looked at will be set aside. Reasons: too few values (1).")
    (problem,), _ = checked(data, "data.on_bad_rows=fail")
    assert "data.on_bad_rows is fail, and 1 rows are bad" in problem or "1 rows are bad" in problem


@pytest.mark.parametrize(("bad_first", "fine"), [(True, True), (False, False)])
def test_shares_are_judged_by_all_rows_where_the_first_are_at_the_limit(checked, bad_first: bool, fine: bool):
    good = "".join(f"{row:05},{'p' * 96},{row % 2}\n" for row in range(10_000, 90_000))
    bad = f"1,{'p' * 100},\n"
    begin = bad * 7_900 + good if bad_first else good[: 100 * 20_000] + "\n"
    data = "age,plan,left\n" + (begin if bad_first else (bad + "1,p,0\n1,p,1\n" * 6) * 6_000 + bad * 60_000)
    assert len(data) > 4 << 20
    problems, _ = checked(data)
    assert (problems == []) is fine


def test_a_delimiter_that_the_rows_agree_on_is_noted_once(checked):
    problems, notes = checked(rows(divided=";"))
    assert problems == []
    assert notes == ["c: the header of data.csv is divided by ';', and it is read with `delimiter: \";\"`."]


def test_columns_whose_names_differ_by_case_are_those_of_the_run(checked, leaving):
    spec = leaving.replace("features:", '  query: SELECT "Age" AS age, plan, left FROM c\nfeatures:')
    assert checked(rows().replace("age", "Age", 1), spec=spec.replace("plan, left", 'plan, "left"'))[0] == []


def test_a_text_column_that_is_empty_at_first_or_everywhere_fits(checked, leaving):
    late = "age,note,left\n" + "".join(f"{row},{'a text' if row > 10_500 else ''},{row % 2}\n" for row in range(10_600))
    spec = leaving.replace("plan: {type: category}", "note: {type: text}")
    assert checked(late, spec=spec)[0] == []
    assert checked("age,note,left\n" + "".join(f"{row},,{row % 2}\n" for row in range(60)), spec=spec)[0] == []
