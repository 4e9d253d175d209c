"""How a camera was held: the orientation that EXIF has of a JPEG, and the picture turned upright by it, in TensorFlow.

Cameras write what the sensor saw and, in the first kilobyte, how to turn it. TensorFlow's decoders leave it as it is, and people
label what viewers show them.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

_HEAD = 1024
"""Bytes among which the first directory of EXIF is: the marker is the first in the file, or the second behind JFIF's."""

_TAG, _ENTRY = 0x0112, 12

_MARKER = {0: 0xFF, 1: 0xE1, **dict(enumerate(b"Exif\0\0", start=4))}
"""The bytes that say that EXIF follows, by their place; between them is its length."""


def upright(picture: tf.Tensor, image: tf.Tensor) -> tf.Tensor:
    """Returns `image`, decoded from the JPEG `picture`, as it is to be looked at."""
    head = tf.cast(tf.io.decode_raw(tf.strings.substr(picture, 0, _HEAD), tf.uint8, fixed_length=_HEAD), tf.int32)
    jfif = tf.equal(head[3], 0xE0)
    segment = tf.where(jfif, tf.minimum(4 + _number(head, 4, 2), _HEAD // 2), 2)
    exif = tf.reduce_all(tf.equal(tf.gather(head, segment + tf.constant(list(_MARKER))), list(_MARKER.values())))
    return tf.cond(exif, lambda: _turned(image, _orientation(head, segment + 10)), lambda: image)


def _orientation(head: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    """Returns 1 to 8, as EXIF counts them, from the directory that begins at `start`; 1 where there is none."""
    little = tf.equal(head[start], ord("I"))
    first = tf.clip_by_value(start + _number(head, start + 4, 4, little), 0, _HEAD - _ENTRY)
    count = tf.minimum(_number(head, first, 2, little), (_HEAD - first - 2) // _ENTRY)
    entries = tf.reshape(head[first + 2 : first + 2 + count * _ENTRY], [-1, _ENTRY])
    tags, values = (_pairs(entries[:, at : at + 2], little) for at in (0, 8))
    found = tf.boolean_mask(values, tf.equal(tags, _TAG))
    value = tf.concat([found, [1]], axis=0)[0]
    return tf.where((value >= 1) & (value <= 8), value, 1)


def _turned(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    image = tf.cond(orientation >= 5, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
    down = tf.reduce_any(tf.equal(orientation, [3, 4, 7, 8]))
    across = tf.reduce_any(tf.equal(orientation, [2, 3, 6, 7]))
    return tf.cond(
        down | across, lambda: tf.reverse(image, tf.boolean_mask([0, 1], tf.stack([down, across]))), lambda: image
    )


def _number(head: tf.Tensor, at: Any, size: int, little: tf.Tensor | bool = False) -> tf.Tensor:
    """Returns the number that bytes are, cut to 24 bits, which is farther than the head reaches."""
    digits = head[at : at + size]
    digits = tf.where(little, digits[::-1], digits)[-3:]
    return tf.reduce_sum(digits * tf.constant([65536, 256, 1][-min(size, 3) :]))


def _pairs(pairs: tf.Tensor, little: tf.Tensor) -> tf.Tensor:
    return tf.where(little, pairs[:, 0] + 256 * pairs[:, 1], 256 * pairs[:, 0] + pairs[:, 1])
