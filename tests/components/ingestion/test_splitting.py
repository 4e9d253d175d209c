"""How rows are dealt to train, eval and test."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from stellwerk.components.ingestion.hashing import row_hashes
from stellwerk.components.ingestion.splitting import by_hash
from stellwerk.errors import DataError
from stellwerk.section import SPLITS
from stellwerk.spec.data import HashSplit

COUNT = 3000


@pytest.fixture
def flights(write):
    lines = [
        f"{row},N{row % 300},{row // 10},{row % 2},{['train', 'eval', 'test', 'other'][row % 4]}"
        for row in range(COUNT)
    ]
    write("rows.csv", "n,tailnum,hour,y,part\n" + "\n".join(lines) + "\n")
    return {"sources": {"rows": "rows.csv"}}


def _plain_hash(values: list) -> int:
    """The formula of `row_hashes` once more, value by value."""

    def taken_in(state: int, word: int) -> int:
        value = (state + 0x9E3779B97F4A7C15) % 2**64 ^ word
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB % 2**64
        return value ^ (value >> 31)

    def word(value) -> int:
        if value is None:
            return 0x5851F42D4C957F2D
        if isinstance(value, int):
            return value % 2**64
        if isinstance(value, float):
            return int.from_bytes(struct.pack("<f", value + 0.0), "little") + 2**32
        value = value if isinstance(value, bytes) else value.encode()
        state = len(value)
        for start in range(0, max(len(value), 1), 8):
            state = taken_in(state, int.from_bytes(value[start : start + 8], "little"))
        return state

    state = 0
    for value in values:
        state = taken_in(state, word(value))
    return state


def test_row_hashes_never_change():
    columns = [
        pa.array([1, None, -5, 0]),
        pa.array([1.5, None, -0.0, 0.0], pa.float32()),
        pa.array(["", None, "é", "a text of more than two words of eight bytes"]),
        pa.array([b"\xff", None, b"", b"a"]),
    ]
    hashes = row_hashes(columns, 4).tolist()
    assert hashes == [_plain_hash([column[row].as_py() for column in columns]) for row in range(4)]
    assert hashes[:2] == [0x039A6E8073DA73BD, 0x1B03E0595ECF78E9]


def test_missing_differs_from_empty_and_columns_are_not_run_together():
    texts = lambda *values: row_hashes([pa.array([value], pa.string()) for value in values], 1)[0]  # noqa: E731
    assert texts(None) != texts("")
    assert texts("a", "bc") != texts("ab", "c")
    assert texts("a", None) != texts(None, "a")


def test_a_slice_of_an_array_hashes_like_its_copy():
    column = pa.array(["a", None, "b", "c", None, "a"])
    numbers = pa.array([1, None, 2, 3, None, 4])
    whole = row_hashes([column, numbers], 6)
    part = row_hashes([column.slice(2, 3), numbers.slice(2, 3)], 3)
    assert part.tolist() == whole[2:5].tolist()


def test_a_key_lands_in_one_split_only(run, flights):
    ingested = run(flights | {"split": {"by": "hash", "key": ["tailnum"]}})
    keys = [set(ingested.split(name)["tailnum"].to_pylist()) for name in SPLITS]
    assert sum(map(len, keys)) == 300
    shares = [ingested.examples.rows(name) / COUNT for name in SPLITS]
    assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.06)


def test_without_a_key_equal_rows_stay_together(run, write):
    write("rows.csv", "n,y\n" + "".join(f"{row % 100},{row % 2}\n" for row in range(1000)))
    ingested = run("rows.csv")
    assert sum(len(set(ingested.split(name)["n"].to_pylist())) for name in SPLITS) == 100


def test_a_key_keeps_its_split_when_rows_are_added_or_columns_change(run, flights, write):
    split = {"split": {"by": "hash", "key": ["tailnum"]}}
    first = run(flights | split, to="a")
    second = run(flights | split | {"query": "SELECT *, n * 2 AS m FROM rows WHERE n % 3 > 0 ORDER BY n DESC"}, to="b")
    for name in SPLITS:
        assert set(second.split(name)["tailnum"].to_pylist()) <= set(first.split(name)["tailnum"].to_pylist())


def test_by_time_the_test_comes_after_the_training(run, flights):
    ingested = run(flights | {"split": {"by": "time", "column": "hour"}})
    ranges = [(min(hours), max(hours)) for hours in (ingested.split(name)["hour"].to_pylist() for name in SPLITS)]
    assert ranges == [(0, 239), (240, 269), (270, 299)]


def test_by_time_of_a_query(run, flights):
    ingested = run(flights | {"split": {"by": "time", "column": "hour"}, "query": "SELECT * FROM rows ORDER BY n DESC"})
    assert [ingested.examples.rows(name) for name in SPLITS] == [2400, 300, 300]


def test_the_same_time_is_never_in_two_splits(run, write):
    write("rows.csv", "t,n,y\n" + "".join(f"{row // 70},{row},{row % 2}\n" for row in range(700)))
    ingested = run(
        {
            "sources": {"rows": "rows.csv"},
            "split": {"by": "time", "column": "t", "train": 0.75, "eval": 0.15, "test": 0.1},
        }
    )
    assert [sorted(set(ingested.split(name)["t"].to_pylist())) for name in SPLITS] == [list(range(8)), [8], [9]]


def test_by_moments_of_the_spec(run, write):
    write("rows.csv", "t,n,y\n" + "".join(f"2013-0{1 + row % 9}-01,{row},{row % 2}\n" for row in range(90)))
    split = {"by": "time", "column": "t", "eval_from": "2013-07-01T00:00:00", "test_from": "2013-08-01T00:00:00"}
    ingested = run({"sources": {"rows": "rows.csv"}, "split": split})
    assert [ingested.examples.rows(name) for name in SPLITS] == [60, 10, 20]


def test_a_row_without_time_is_set_aside(run, write):
    write("rows.csv", "t,n,y\n" + "".join(f"{row if row != 5 else 'NA'},{row},{row % 2}\n" for row in range(100)))
    ingested = run({"sources": {"rows": "rows.csv"}, "split": {"by": "time", "column": "t"}})
    assert [(row["line"], row["reason"]) for row in ingested.quarantine] == [(None, "t: the time is missing")]


def test_a_text_is_no_time(run, flights):
    with pytest.raises(DataError, match="'tailnum' is of type string; a split by time needs a number or a timestamp"):
        run(flights | {"split": {"by": "time", "column": "tailnum"}})


def test_by_a_column_that_names_the_split(run, flights):
    data = flights | {"split": {"by": "column", "column": "part"}, "max_bad_share": 0.3}
    ingested = run(data)
    assert [ingested.examples.rows(name) for name in SPLITS] == [750, 750, 750]
    assert {row["reason"] for row in ingested.quarantine} == {"part: a value that names no split"}
    assert ingested.quarantine[0]["line"] == 5


def test_by_a_column_of_numbers(run, write):
    write("rows.csv", "month,y\n" + "".join(f"{1 + row % 12},{row % 2}\n" for row in range(120)))
    split = {"by": "column", "column": "month", "train": list(range(1, 11)), "eval": [11], "test": 12}
    assert [run({"sources": {"rows": "rows.csv"}, "split": split}).examples.rows(name) for name in SPLITS] == [
        100,
        10,
        10,
    ]


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"by": "column", "column": "part", "eval": ["valid"]}, r"no rows for eval .*'part' is valid: no row has that"),
        ({"by": "hash", "key": ["y"]}, r"no rows for (train|eval|test) .*the key y has too few different values"),
        (
            {"by": "time", "column": "hour", "eval_from": 5000, "test_from": 6000},
            r"no rows for eval .*eval_from is 5000.0, test_from is 6000.0",
        ),
        ({"by": "time", "column": "y"}, "too few different times|no rows for"),
    ],
)
def test_a_split_without_rows_is_refused(run, flights, split, message: str):
    with pytest.raises(DataError, match=message):
        run(flights | {"split": split, "max_bad_share": 0.9})


def _stratified(values: list[str | None], sizes: Sequence[int]) -> np.ndarray[Any, Any]:
    deal, column, at, dealt = by_hash(HashSplit(stratify="class")), pa.array(values), 0, []
    for size in sizes:
        dealt.append(deal(pa.RecordBatch.from_arrays([column.slice(at, size)], names=["class"])))
        at += size
    return np.concatenate(dealt)


def test_every_class_has_its_share_of_every_split_and_batches_do_not_matter():
    values = np.random.default_rng(4).choice(["often", "rarely", None], 2_000, p=[0.9, 0.06, 0.04]).tolist()
    whole, batches = _stratified(values, [2_000]), _stratified(values, [1, 700, 99, 1_200])
    assert np.array_equal(whole, batches)
    for value in ("often", "rarely", None):
        mine = whole[[each == value for each in values]]
        shares = np.bincount(mine, minlength=3) / len(mine)
        assert np.abs(shares - [0.8, 0.1, 0.1]).max() < 0.03


def test_rows_stay_where_they_are_when_more_come_after_them():
    values = ["a", "b", "a"] * 200
    assert np.array_equal(_stratified(values, [600])[:300], _stratified(values[:300], [300]))


def test_a_column_of_many_values_cannot_stratify():
    with pytest.raises(DataError, match="has more than 1,000 values"):
        _stratified([str(number) for number in range(1_001)], [1_001])


def test_key_and_stratify_contradict():
    with pytest.raises(ValueError, match="Give one of the two"):
        HashSplit(key=("user",), stratify="class")
