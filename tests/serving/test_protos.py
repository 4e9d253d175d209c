"""TensorProtos and arrays: every way in which clients write them, and what no client should write."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.example import example_pb2
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import input_pb2

from stellwerk.serving.errors import Code, ServingError
from stellwerk.serving.protos import from_array, to_array, to_examples

NUMBERS = [
    tf.float32,
    tf.float64,
    tf.int8,
    tf.int16,
    tf.int32,
    tf.int64,
    tf.uint8,
    tf.uint16,
    tf.uint32,
    tf.uint64,
    tf.bool,
    tf.half,
    tf.bfloat16,
]


@pytest.mark.parametrize("size", [3, 500])
@pytest.mark.parametrize("dtype", NUMBERS, ids=lambda dtype: dtype.name)
def test_numbers_travel_in_content_and_in_fields_as_tensorflow_reads_them(dtype, size):
    values = (np.arange(size * 2).reshape(size, 2) % 100).astype(dtype.as_numpy_dtype)
    content = tf.make_tensor_proto(values)
    assert to_array(content).tolist() == values.tolist()
    fields = tensor_pb2.TensorProto()
    from_array(values, dtype.as_datatype_enum, fields)
    assert not fields.tensor_content
    assert tf.make_ndarray(fields).tolist() == values.tolist()
    back = to_array(fields)
    assert (back.dtype, back.tolist()) == (values.dtype, values.tolist())


def test_strings_travel_as_bytes():
    values = np.array([[b"a", b"\xff\x00"], [b"", "ü".encode()]], object)
    proto = tensor_pb2.TensorProto()
    from_array(values, types_pb2.DT_STRING, proto)
    assert tf.make_ndarray(proto).tolist() == values.tolist()
    assert to_array(tf.make_tensor_proto(values)).tolist() == values.tolist()


@pytest.mark.parametrize("value", [1.5, b"x", True, 7], ids=repr)
def test_a_single_value_fills_its_shape(value):
    proto = tf.make_tensor_proto(value, shape=[2, 3])
    assert to_array(proto).tolist() == [[value] * 3] * 2
    scalar = tf.make_tensor_proto(value)
    assert to_array(scalar).shape == ()


def test_the_last_value_is_repeated_and_no_value_is_zero():
    proto = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, float_val=[1, 2])
    proto.tensor_shape.dim.add(size=4)
    assert to_array(proto).tolist() == [1, 2, 2, 2]
    proto.ClearField("float_val")
    assert to_array(proto).tolist() == [0, 0, 0, 0]


def test_nan_and_infinity_survive():
    values = np.array([np.nan, np.inf, -np.inf] * 100, np.float32)
    proto = tensor_pb2.TensorProto()
    from_array(values, types_pb2.DT_FLOAT, proto)
    np.testing.assert_array_equal(to_array(proto), values)


def shaped(*sizes: int, dtype: int = types_pb2.DT_FLOAT, **values) -> tensor_pb2.TensorProto:
    proto = tensor_pb2.TensorProto(dtype=dtype, **values)
    for size in sizes:
        proto.tensor_shape.dim.add(size=size)
    return proto


@pytest.mark.parametrize(
    ("proto", "reason"),
    [
        (shaped(2, tensor_content=b"1234"), "4 bytes of content"),
        (shaped(1, float_val=[1, 2]), "2 values do not fit"),
        (shaped(-1, float_val=[1]), "negative size"),
        (shaped(1 << 40, float_val=[1]), "too large"),
        (shaped(1 << 31, 1 << 31, 1 << 31), "too large"),
        (shaped(*[1] * 40, float_val=[1]), "too large"),
        (shaped(1, dtype=types_pb2.DT_RESOURCE), "the type resource is not supported"),
        (shaped(1, dtype=0), "the type invalid is not supported"),
        (tensor_pb2.TensorProto(dtype=1, tensor_shape={"unknown_rank": True}), "its shape is unknown"),
    ],
)
def test_a_malformed_tensor_is_refused(proto, reason):
    with pytest.raises(ServingError, match=reason) as caught:
        to_array(proto)
    assert caught.value.code is Code.INVALID_ARGUMENT


def test_examples_are_taken_serialised_with_their_context():
    example = example_pb2.Example()
    example.features.feature["day"].int64_list.value.append(3)
    context = example_pb2.Example()
    context.features.feature["carrier"].bytes_list.value.append(b"AA")
    plain = input_pb2.Input(example_list={"examples": [example, example]})
    assert to_examples(plain) == [example.SerializeToString()] * 2
    both = input_pb2.Input(example_list_with_context={"examples": [example], "context": context})
    merged = example_pb2.Example.FromString(to_examples(both)[0])
    assert set(merged.features.feature) == {"day", "carrier"}


def test_an_input_without_examples_is_refused():
    with pytest.raises(ServingError, match="Input is empty"):
        to_examples(input_pb2.Input())
