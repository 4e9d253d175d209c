"""A format of sources is one entry of one table: every part of it is there, and nobody else has a list of them."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv, orc

from stellwerk.serving.bulk.inputs import open_input
from stellwerk.serving.bulk.inputs.base import Position
from stellwerk.spec.data import Source
from stellwerk.spec.documentation import json_schema
from stellwerk.stores.sampling import lines
from stellwerk.tables.formats import ENDINGS, FORMATS, PACKED, SAMPLED_ROWS, WRITTEN, is_data, kind_of, loaded

ROWS = 3 * SAMPLED_ROWS


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_every_part(name):
    known = FORMATS[name]
    assert known.name == name
    assert known.title
    assert not (known.endings and known.media), "where a file is a row, no ending says it"
    assert all(kind_of(f"rows{ending}") == name for ending in known.endings)
    own = bool(known.table), bool(known.reader)
    if known.media:
        assert own == (True, True)
    else:
        assert own == (not known.batches,) * 2, "read by the engine and by predict, or made Parquet for both"
    assert set(known.keys) <= set(Source.model_fields)
    assert set(known.unpacks) <= set(PACKED)
    assert known.at_a_glance or not known.sample
    for path in (known.batches, known.table, known.reader, known.sample):
        assert not path or callable(loaded(path))


@pytest.mark.parametrize("name", FORMATS)
def test_the_spec_takes_every_format_and_the_keys_that_are_for_it(name):
    assert Source(path="rows", format=name).format == name
    assert name in str(json_schema()["$defs"]["Source"]["properties"]["format"])
    given: dict[str, Any] = {"types": {"a": "text"}, "null_values": ("-",), "sheet": "a", "thousands": "'"}
    for key, value in given.items():
        if key in FORMATS[name].keys:
            assert getattr(Source(path="rows", format=name, **{key: value}), key) == value
        else:
            with pytest.raises(ValueError, match=f"files. Received: format: {name}"):
                Source(path="rows", format=name, **{key: value})


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_ending_says_the_format_packed_or_not(ending):
    assert is_data(Path(f"below/rows{ending}"))
    assert not is_data(Path(f".below/rows{ending}"))
    for packed in PACKED:
        assert kind_of(f"rows{ending}{packed}") == ENDINGS[ending]


def test_endings_and_names_are_given_once():
    assert set(Counter(ending for known in FORMATS.values() for ending in known.endings).values()) == {1}
    assert set(WRITTEN) == {"csv", "jsonl", "parquet"}


def _table() -> pa.Table:
    return pa.table({"n": pa.array(range(ROWS), pa.int64()), "c": [f"text {row}" for row in range(ROWS)]})


def _avro(file: Any) -> None:
    fields = [{"name": "n", "type": "long"}, {"name": "c", "type": "string"}]
    fastavro.writer(file, {"type": "record", "name": "row", "fields": fields}, _table().to_pylist())


def _jsonl(file: Any) -> None:
    file.write("".join(f'{{"n": {row}, "c": "text {row}"}}\n' for row in range(ROWS)).encode())


WRITERS: dict[str, Callable[[Any], Any]] = {
    "csv": lambda file: csv.write_csv(_table(), file),
    "parquet": lambda file: pq.write_table(_table(), file, row_group_size=SAMPLED_ROWS),
    "jsonl": _jsonl,
    "avro": _avro,
    "orc": lambda file: orc.write_table(_table(), file),
}


@pytest.mark.parametrize("name", [name for name, known in FORMATS.items() if known.sample])
def test_a_sample_is_a_smaller_file_of_the_same_format_with_the_first_rows(name, tmp_path):
    whole = io.BytesIO()
    WRITERS[name](whole)
    path = tmp_path / f"sample{FORMATS[name].endings[0]}"
    with path.open("wb") as file:
        loaded(FORMATS[name].sample)(io.BytesIO(whole.getvalue()), file, 100_000)
    assert path.stat().st_size < len(whole.getvalue())
    reader = open_input(path)
    found = [row for block in reader.blocks(Position(), None, 1 << 20) for row in block.rows.to_pylist()]
    reader.close()
    assert 1000 < len(found) < ROWS
    assert [str(row["n"]) for row in found] == [str(row) for row in range(len(found))]
    assert found[-1]["c"] == f"text {len(found) - 1}"


def test_a_sample_of_text_ends_with_a_whole_line():
    file = io.BytesIO()
    lines(io.BytesIO(b"a,b\n1,2\n3,4\n"), file, 10)
    assert file.getvalue() == b"a,b\n1,2\n"
