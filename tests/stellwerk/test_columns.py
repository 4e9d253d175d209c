"""A type of column is one entry of one table: what every room reads of a value follows from it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from stellwerk.columns import COLUMN_TYPES, GIVEN, LISTS, OF_SQL, cast_of, list_of, missing_of, number_of, seconds_of
from stellwerk.components.ingestion.columns import plan
from stellwerk.components.ingestion.engine import connect
from stellwerk.components.transformation.columns import as_tensor
from stellwerk.errors import DataError
from stellwerk.serving.tensors import Tensor, column_values
from stellwerk.spec.data import Source
from stellwerk.spec.features import Feature

VALUES = {
    "int64": [7, None, -3],
    "float": [1.5, None, -0.25],
    "string": ["a", None, "ö"],
    "binary": [b"a", None, b"\xff"],
}


def test_lists_have_a_type_for_every_length():
    known = COLUMN_TYPES["float[3]"]
    assert (known.name, known.length, known.shape, known.family) == ("float[3]", 3, (3,), "float[]")
    assert known.arrow_type == pa.list_(pa.float32(), 3) == known.fed_type
    assert list_of(3) == "float[3]"
    assert list(COLUMN_TYPES) == list(VALUES)


def test_references_are_read_as_bytes():
    known = COLUMN_TYPES["reference"]
    assert (known.read_as, known.family, known.length, known.number) == ("binary", "binary", 0, False)
    assert known.arrow_type == pa.struct({"uri": pa.string(), "sha256": pa.string(), "bytes": pa.int64()})
    assert known.fed_type == COLUMN_TYPES["binary"].fed_type
    assert (known.dtype, known.feature) == (COLUMN_TYPES["binary"].dtype, COLUMN_TYPES["binary"].feature)


@pytest.mark.parametrize("name", ["float[0]", "float[x]", "int64[3]", "float[", "list"])
def test_what_is_no_type_is_not_found(name):
    with pytest.raises(KeyError):
        COLUMN_TYPES[name]


def test_training_and_serving_make_the_same_tensor_of_lists():
    column = pa.array([[1.5, None], [2.0, 3.0], None], pa.list_(pa.float32(), 2))
    wanted = np.array([[1.5, np.nan], [2.0, 3.0], [np.nan, np.nan]], np.float32)
    for part in (column, column.slice(1)):
        trained = as_tensor(part, "float[2]")
        served = column_values(part, Tensor("x", "float32", np.dtype(np.float32), (None, 2)))
        np.testing.assert_array_equal(np.asarray(trained), wanted[3 - len(part) :])
        np.testing.assert_array_equal(served, wanted[3 - len(part) :])


def test_lists_of_another_length_than_the_model_takes_are_refused():
    with pytest.raises(DataError, match="lists of 2 numbers, but the model takes 3 numbers"):
        column_values(pa.array([[1.0, 2.0]], pa.list_(pa.float32(), 2)), Tensor("x", "f", np.dtype("f4"), (None, 3)))


@pytest.fixture
def connection(tmp_path):
    with connect(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("name", COLUMN_TYPES)
def test_every_type_has_every_part(name):
    known = COLUMN_TYPES[name]
    assert known.name == name
    assert known.words
    assert known.suits
    assert known.sql
    assert set(known.kept) <= set(known.sql)
    assert known.arrow_type == pa.type_for_alias(known.arrow)
    assert known.fed_type == pa.type_for_alias(known.fed)
    assert tf.as_dtype(known.dtype).name == known.dtype
    assert known.feature in ("int64_list", "float_list", "bytes_list")
    assert known.number == (pa.types.is_integer(known.arrow_type) or pa.types.is_floating(known.arrow_type))


@pytest.mark.parametrize("name", COLUMN_TYPES)
def test_training_and_serving_make_the_same_tensor_of_a_column(name):
    known = COLUMN_TYPES[name]
    column = pa.array(VALUES[name], known.arrow_type)
    trained = as_tensor(column, name)
    dtype = np.dtype(tf.as_dtype(known.dtype).as_numpy_dtype)
    served = column_values(column, Tensor("x", known.dtype, dtype, (None,)))
    assert trained.dtype.name == known.dtype
    np.testing.assert_array_equal(np.asarray(trained), served)
    np.testing.assert_array_equal(served[1], np.array(known.missing, dtype))


@pytest.mark.parametrize("name", COLUMN_TYPES)
def test_a_missing_value_is_the_same_wherever_it_stands(name):
    known = COLUMN_TYPES[name]
    dtype = np.dtype(tf.as_dtype(known.dtype).as_numpy_dtype)
    np.testing.assert_array_equal(missing_of(dtype), known.missing)
    assert Tensor("x", known.dtype, dtype, None).missing == missing_of(dtype) or known.name == "float"


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8", "u1", "u4"])
def test_of_whole_numbers_the_smallest_means_missing(dtype):
    assert missing_of(np.dtype(dtype)) == np.iinfo(dtype).min


@pytest.mark.parametrize(("sql", "name"), [(sql, known.name) for sql, known in OF_SQL.items()])
def test_the_engine_casts_each_of_its_types_to_that_of_the_column(connection, sql, name):
    known, (column,) = COLUMN_TYPES[name], plan({"x": f"{sql}(4, 0)" if sql == "DECIMAL" else sql}, [])
    assert column.kind == name
    assert column.sql == cast_of('"x"', sql)
    table = connection.sql(f"SELECT {cast_of('NULL', sql)} AS x").to_arrow_table()
    assert table["x"].cast(known.arrow_type).type == known.arrow_type


def test_a_text_and_a_moment_become_numbers_in_the_engine(connection):
    read = connection.sql(
        f"SELECT {number_of(repr('1.5'))}, {number_of(repr('x'))}, {seconds_of(repr('1970-01-02') + '::DATE')}"
    )
    assert read.fetchall() == [(1.5, None, 86_400)]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("int64", "TRUE", 1), ("int64", "-3", -3), ("float", "1.5", 1.5), ("string", "1.5", "1.5"), ("binary", "a", b"a")],
)
def test_a_text_of_the_spec_is_read_as_a_value_of_the_column(name, text, value):
    assert COLUMN_TYPES[name].read(text) == value


@pytest.mark.parametrize("word", GIVEN)
def test_the_spec_takes_the_word_for_a_type(word):
    assert Source(path="rows.csv", types={"x": word}).types == {"x": word}


def test_features_take_types_of_the_table():
    union = Feature.__args__[0] if hasattr(Feature, "__args__") else Feature
    taken = {name for kind in union.__args__ for name in kind.TAKES}
    assert taken <= {*COLUMN_TYPES, LISTS.name}
