"""Every form says all of an input, from the column in Parquet to what a network takes; what nobody knows is refused."""

from __future__ import annotations

import json

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stellwerk.components.forms import FORMS
from stellwerk.components.forms.base import PARTS, ModelInput
from stellwerk.components.forms.lists import SHAPE, column_of, field_of
from stellwerk.components.training.description import Description
from stellwerk.components.training.networks.body import Inputs
from stellwerk.components.training.networks.encoding import encoded, encoded_width
from stellwerk.components.training.packing import Packing
from stellwerk.errors import StepFailed

LINES = {
    "number": {"width": 1},
    "vector": {"width": 3},
    "id": {"size": 50, "embedding": 4, "cross": False},
    "tokens": {"size": 11, "length": 2, "embedding": 3},
    "tensor": {"dtype": "uint8", "shape": [2, 3]},
    "unit": {"unit_of": ["a", "b"]},
}
"""A line of `features.json` of every form of the product."""
INPUTS = [ModelInput.of({"name": form, "feature": "x", "kind": form, **line}) for form, line in LINES.items()]


def _values(item: ModelInput, rows: int = 7) -> np.ndarray:
    values = np.arange(rows * int(np.prod(item.shape))).reshape(rows, *item.shape) % 10
    return values.astype(item.known.stored(item).to_pandas_dtype() if not item.shape else item.dtype)


def _written(item: ModelInput, values: np.ndarray) -> pa.Table:
    column = field_of(item)
    kind = column.type
    array = column_of(values, kind) if item.shape else pa.array(values, kind)
    return pa.Table.from_arrays([array], schema=pa.schema([column]))


def test_there_is_a_line_for_each_form():
    assert list(LINES) == list(FORMS)


@pytest.mark.parametrize("item", INPUTS, ids=list(LINES))
def test_a_form_has_every_part(item):
    assert [part for part in PARTS if not hasattr(item.known, part)] == []
    assert item.packed in ("floats", "ids", None)
    assert (item.packed, item.dtype) in (("floats", "float32"), ("ids", "int32"), (None, "uint8"), (None, "float32"))


@pytest.mark.parametrize("item", INPUTS, ids=list(LINES))
def test_what_is_written_to_parquet_is_read_as_it_was(item, tmp_path):
    values = _values(item)
    pq.write_table(_written(item, values), tmp_path / "a.parquet", row_group_size=3)
    table = pq.read_table(tmp_path / "a.parquet")
    read = item.known.read(table.column(item.name), item)
    assert read.shape == (7, *item.shape)
    assert np.array_equal(read, values)
    assert item.known.read(table.slice(2, 3).column(item.name), item).tolist() == values[2:5].tolist()
    assert item.known.read(table.slice(0, 0).column(item.name), item).shape == (0, *item.shape)


def test_the_shape_of_a_row_stands_beside_its_column():
    shapes = {item.form: field_of(item).metadata for item in INPUTS if len(item.shape) > 1}
    assert shapes == {"tensor": {SHAPE: b"[2, 3]"}, "unit": {SHAPE: b"[2, 2]"}}
    assert all(field_of(item).metadata is None for item in INPUTS if item.form not in shapes)


@pytest.mark.parametrize("item", INPUTS, ids=list(LINES))
def test_a_network_takes_it_as_wide_as_it_says(item):
    inputs = Inputs.make((item, INPUTS[0]) if item is not INPUTS[0] else (item,))
    assert keras.backend.standardize_dtype(inputs.tensors[item.name].dtype) == item.dtype
    values = {each.name: _values(each).astype(each.dtype) for each in inputs.described}
    taken = keras.Model(inputs.tensors, encoded(inputs))(values)
    assert taken.shape == (7, encoded_width(inputs.described))
    assert np.isfinite(taken).all()


def test_packed_and_whole_arrays_come_apart_as_they_were():
    packing = Packing(tuple(INPUTS), "label", whole_label=False)
    values = {item.name: _values(item) for item in INPUTS}
    table = pa.table({item.name: _written(item, values[item.name]).column(0) for item in INPUTS} | {"label": [0.5] * 7})
    chunk = packing.pack(table)
    assert [array.dtype.name for array in chunk.arrays] == ["float32", "int32", "float32", "uint8", "float32"]
    rows = np.array([4, 0, 6])
    taken = chunk[rows]
    unpacked = packing.unpack(taken.floats, taken.ids, *taken.tensors)
    named = packing.named(taken)
    assert set(named) == set(unpacked) == set(values)
    for name, array in values.items():
        assert np.array_equal(unpacked[name], array[rows])
        assert np.array_equal(named[name], array[rows])
        assert unpacked[name].dtype == packing.specs[name].dtype
    assert packing.row_bytes == 4 * (1 + 3 + 1 + 2) + 6 + 4 * 4 + 4


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ({"kind": "picture"}, "input 'x' is of the form 'picture', of which no network could make anything\\. There is no form"),
        ({"kind": "tensr"}, "There is no form 'tensr'\\. Did you mean 'tensor'\\?"),
    ],
)  # fmt: skip
def test_a_form_that_nobody_knows_is_refused_where_it_is_met(tmp_path, line, says):
    with pytest.raises(StepFailed, match=says):
        encoded(Inputs((ModelInput("x", line["kind"]),), {}))
    with pytest.raises(StepFailed, match=says):
        Packing((ModelInput("x", line["kind"]),), "label", whole_label=False).pack(pa.table({"x": [1]}))
    written = {"features": [{"name": "x", "feature": "x", **line}], "label": {}, "inputs": {}}
    (tmp_path / "features.json").write_text(json.dumps(written))
    with pytest.raises(StepFailed, match=says):
        Description.read(tmp_path)


def test_a_tensor_of_another_type_is_refused():
    item = ModelInput.of({"name": "x", "feature": "x", "kind": "tensor", "dtype": "complex64", "shape": [2]})
    with pytest.raises(StepFailed, match=r"a tensor of complex64\. Known: float32, int64, uint8"):
        Inputs.make((item,))
