"""The quick look of `stellwerk check`."""

from __future__ import annotations

from pathlib import Path

import pytest

from stellwerk.components.ingestion.probing import Probe, probe
from stellwerk.errors import DataError
from stellwerk.spec.data import Data


@pytest.fixture
def look(tmp_path: Path):
    def looked(source, numbers=(), **data) -> Probe:
        return probe(Data.model_validate({"sources": {"rows": source}, **data}), tmp_path, list(numbers))

    return looked


@pytest.fixture(scope="module")
def flights(nycflights: Path) -> Data:
    query = "SELECT f.*, arr_delay > 15 AS late, p.seats FROM flights f LEFT JOIN planes p USING (tailnum)"
    sources = {"flights": str(nycflights / "flights.csv.zip"), "planes": str(nycflights / "planes.csv")}
    return Data.model_validate({"sources": sources, "query": query})


def test_it_tells_the_columns_of_the_query_from_a_part_of_the_data(flights: Data):
    found = probe(flights, Path(), ["distance"])
    assert found.columns["distance"] == "int64"
    assert found.columns["tailnum"] == "string"
    assert found.columns["late"] == "int64"
    assert not found.complete
    assert set(found.values("late", 2).found) == {0, 1}


def test_it_reads_on_when_the_sample_does_not_tell(flights: Data):
    found = probe(flights, Path(), [])
    assert len(found.values("month", 20).found) == 12
    assert found.absent("month", ["1", "12", "13"]) == ("13",)


def test_a_constant_target_is_seen(look, write):
    write("rows.csv", "n,y\n" + "".join(f"{row},1\n" for row in range(60)))
    values = look("rows.csv").values("y", 2)
    assert (values.found, values.complete) == ((1,), True)


def test_a_number_column_of_texts_is_seen_with_an_example(look, write, rows):
    write("rows.csv", rows(60, {40: "40,abc,c1,1"}))
    found = look("rows.csv", numbers=["x", "c"])
    assert found.not_numbers == {"c": "c0"}
    assert found.columns == {"n": "int64", "x": "float", "c": "string", "y": "int64"}


def test_problems_of_the_sources_are_found(look, write):
    write("rows.csv", "n,n\n1,1\n")
    with pytest.raises(DataError, match="duplicate column names"):
        look("rows.csv")
    with pytest.raises(DataError, match="no such file"):
        look("other.csv")
    write("rows.csv", "n,y\n1,1\n")
    with pytest.raises(DataError, match=r"data\.query: Binder Error"):
        look("rows.csv", query="SELECT m FROM rows")


def test_ids_too_large_for_a_float_do_not_trouble_it(look, write):
    write("rows.csv", "id,y\n" + "".join(f"90071992547409{row:02},{row % 2}\n" for row in range(60)))
    assert look("rows.csv").columns == {"id": "int64", "y": "int64"}


def test_tfrecords_are_not_looked_into(look, write):
    write("rows.tfrecord", b"\0" * 64)
    assert not look("rows.tfrecord").seen
