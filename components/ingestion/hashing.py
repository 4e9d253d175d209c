"""A hash of rows that is the same on every machine and in every version, and fast enough to take of every row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from stellwerk.components.ingestion.arrays import nulls, values
from stellwerk.tables.lists import is_list, matrix

Words = np.ndarray[Any, Any]
"""Unsigned 64-bit integers, one a row; arithmetic is modulo 2^64."""

_STEP, _FIRST, _SECOND = (np.uint64(value) for value in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
_NULL = np.uint64(0x5851F42D4C957F2D)
_FLOAT = np.uint64(1 << 32)
_KEPT = np.array([(1 << 8 * length) - 1 for length in range(9)], "<u8")
"""Masks that keep the first 0 to 8 bytes of a little-endian word."""


def row_hashes(columns: Iterable[pa.Array], rows: int) -> Words:
    """Returns a 64-bit hash of each row's values, uint64 [rows].

    A row starts with h = 0 and takes in one word w for each column, in order: h = mix((h + 0x9E3779B97F4A7C15) xor w),
    modulo 2^64, where mix is the finaliser of SplitMix64. The word of a whole number is its two's complement; of a
    32-bit float 2^32 plus its IEEE 754 bits (-0 as 0); of a missing value a constant; of text (UTF-8) and bytes a hash made
    the same way: h starts with the length and takes in the bytes, eight at a time, little-endian, zeros after the last.
    A list takes in its numbers one after the other. So the order of the columns counts, and neither a missing nor a longer text can pass for another one.
    """
    hashes = np.zeros(rows, np.uint64)
    for column in columns:
        for words in _each_of_lists(column) if is_list(column.type) else (_words(column),):
            _take_in(hashes, words)
    return hashes


def _take_in(hashes: Words, words: Words) -> None:
    hashes += _STEP
    hashes ^= words
    shifted = hashes >> np.uint64(30)
    hashes ^= shifted
    hashes *= _FIRST
    np.right_shift(hashes, np.uint64(27), out=shifted)
    hashes ^= shifted
    hashes *= _SECOND
    np.right_shift(hashes, np.uint64(31), out=shifted)
    hashes ^= shifted


def _each_of_lists(column: pa.Array) -> Iterator[Words]:
    for place in matrix(column).T:
        yield _words(pa.array(np.ascontiguousarray(place), from_pandas=True))


def _words(column: pa.Array) -> Words:
    if pa.types.is_integer(column.type):
        words = values(column).view(np.uint64)
    elif pa.types.is_floating(column.type):
        words = (values(column) + np.float32(0)).view(np.uint32).astype(np.uint64)
        words += _FLOAT
    else:
        words = _byte_hashes(column)
    return np.where(nulls(column), _NULL, words) if column.null_count else words


def _byte_hashes(column: pa.Array) -> Words:
    _, bounds, content = column.buffers()
    ends = np.frombuffer(bounds, np.int32)[column.offset : column.offset + len(column) + 1]
    starts, lengths = (ends[:-1] - ends[0]).astype(np.int64), np.diff(ends)
    content = memoryview(content or b"")[ends[0] : ends[-1]]
    padded = np.concatenate([np.frombuffer(content, np.uint8), np.zeros(8, np.uint8)])
    words: Words = np.ndarray(len(padded) - 7, "<u8", padded.data, strides=(1,))
    hashes = lengths.astype(np.uint64)
    _take_in(hashes, words[starts] & _KEPT[np.minimum(lengths, 8)])
    longer = np.flatnonzero(lengths > 8)
    for done in range(8, int(lengths.max(initial=0)), 8):
        longer = longer[lengths[longer] > done]
        part = hashes[longer]
        _take_in(part, words[starts[longer] + done] & _KEPT[np.minimum(lengths[longer] - done, 8)])
        hashes[longer] = part
    return hashes
