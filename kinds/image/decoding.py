"""From the bytes of a picture's file to its pixels, in TensorFlow: the same operations in training and in the served model.

Which format it is and how large, the first bytes say, and a picture that is too large is refused by them, before anything of it is
decoded. GIF is none of them: its head does not tell how large its frames are.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from stellwerk.kinds.image.heads import FORMATS
from stellwerk.kinds.image.keys import Image
from stellwerk.kinds.image.orientation import upright

PARALLEL = 16
"""Pictures that are decoded at the same time, where there are so many threads."""

HEAD = 32
"""Bytes that tell the format, and the size but for JPEG."""


def pixels_of(pictures: tf.Tensor, feature: Image) -> tf.Tensor:
    """Returns uint8 [batch, height, width, channels] of strings [batch]; of one that is missing, black.

    At run time a picture that cannot be decoded is an InvalidArgumentError.
    """
    return tf.map_fn(
        lambda picture: _pixels(picture, feature),
        pictures,
        fn_output_signature=tf.TensorSpec(feature.shape, tf.uint8),
        parallel_iterations=PARALLEL,
    )


def _pixels(picture: tf.Tensor, feature: Image) -> tf.Tensor:
    made = tf.cond(
        tf.equal(tf.strings.length(picture), 0),
        lambda: tf.zeros(feature.shape, tf.uint8),
        lambda: _fitted(decoded(picture, feature), feature),
    )
    return tf.ensure_shape(made, feature.shape)


def decoded(picture: tf.Tensor, feature: Image) -> tf.Tensor:
    """Returns uint8 [height, width, channels] of a picture as large as it is."""
    head = tf.io.decode_raw(tf.strings.substr(picture, 0, HEAD), tf.uint8, fixed_length=HEAD)
    channels = feature.channels

    def jpeg() -> tf.Tensor:
        shape = tf.io.extract_jpeg_shape(picture)
        with _bounded(shape[:2], feature):
            if channels == 3:
                return _jpeg(picture, 3)
            inks = tf.equal(shape[2], 4)  # of these libjpeg makes colours, and no brightness
            return tf.cond(inks, lambda: tf.image.rgb_to_grayscale(_jpeg(picture, 3)), lambda: _jpeg(picture, 1))

    def png() -> tf.Tensor:
        with _bounded(_whole(head[16:24], big=True), feature):
            return tf.io.decode_png(picture, channels)

    def bmp() -> tf.Tensor:
        with _bounded(tf.abs(_whole(head[18:26], big=False))[::-1], feature):
            return _in_channels(tf.io.decode_bmp(picture), channels)

    def other() -> tf.Tensor:
        refusal = tf.debugging.Assert(False, ["A picture must be a JPEG, PNG or BMP file, and this one is none."], 1)
        with tf.control_dependencies([refusal] if refusal is not None else []):
            return tf.zeros([1, 1, channels], tf.uint8)

    decoders = {"JPEG": jpeg, "PNG": png, "BMP": bmp}
    return tf.case([(_begins(head, FORMATS[name]), decode) for name, decode in decoders.items()], default=other)


def _jpeg(picture: tf.Tensor, channels: int) -> tf.Tensor:
    """Decodes exactly, so that other decoders give the same pixels, and turns a picture upright."""
    return upright(picture, tf.io.decode_jpeg(picture, channels, dct_method="INTEGER_ACCURATE"))


def _begins(head: tf.Tensor, start: bytes) -> tf.Tensor:
    return tf.reduce_all(tf.equal(head[: len(start)], tf.constant(list(start), tf.uint8)))


def _whole(four: tf.Tensor, big: bool) -> tf.Tensor:
    """Returns the numbers of 32 bits that bytes are, int32 [bytes / 4]."""
    each = tf.reshape(four, [-1, 4])
    return tf.bitcast(each[:, ::-1] if big else each, tf.int32)


def _bounded(size: tf.Tensor, feature: Image) -> Any:
    """Has what follows wait until a height and width are known to be bearable."""
    sides = tf.cast(size, tf.int64)
    bearable = tf.reduce_all(sides > 0) & (sides[0] <= feature.max_pixels // tf.maximum(sides[1], 1))
    said = ["A picture must have 1 to", feature.max_pixels, "pixels (max_pixels); height and width of this one:", size]
    refusal = tf.debugging.Assert(bearable, said, 2)
    return tf.control_dependencies([refusal] if refusal is not None else [])


def _in_channels(image: tf.Tensor, channels: int) -> tf.Tensor:
    """Returns an image of 1, 3 or 4 channels in as many as are wanted; a fourth one, transparency, is left out."""
    colours = tf.cond(
        tf.equal(tf.shape(image)[2], 1), lambda: tf.repeat(image[:, :, :1], 3, axis=2), lambda: image[:, :, :3]
    )
    return tf.image.rgb_to_grayscale(tf.ensure_shape(colours, [None, None, 3])) if channels == 1 else colours


def _fitted(image: tf.Tensor, feature: Image) -> tf.Tensor:
    """Returns an image of any size as uint8 of the size that is wanted."""
    image = tf.ensure_shape(image, [None, None, feature.channels])
    (height, width), size = feature.size, tf.shape(image)[:2]
    if feature.fit == "stretch":
        return _resized(image, feature.size, feature)
    ratios = tf.cast(size, tf.float64) / tf.constant([height, width], tf.float64)
    if feature.fit == "crop":
        kept = _sides(tf.reduce_min(ratios), feature.size, size)
        start = (size - kept) // 2
        return _resized(tf.slice(image, [*tf.unstack(start), 0], [*tf.unstack(kept), -1]), feature.size, feature)
    inner = _sides(1 / tf.reduce_max(ratios), size, tf.constant(feature.size))
    before = (tf.constant(feature.size) - inner) // 2
    beside = tf.stack([before, tf.constant(feature.size) - inner - before], axis=1)
    return tf.pad(_resized(image, inner, feature), tf.concat([beside, tf.zeros([1, 2], tf.int32)], axis=0))


def _sides(times: tf.Tensor, sides: object, most: tf.Tensor) -> tf.Tensor:
    """Returns height and width that are `times` as long, rounded, at least 1 and at most `most`."""
    return tf.clip_by_value(tf.cast(tf.round(times * tf.cast(sides, tf.float64)), tf.int32), 1, most)


def _resized(image: tf.Tensor, size: object, feature: Image) -> tf.Tensor:
    if feature.resize == "antialias":
        made = tf.image.resize(image, size, "bilinear", antialias=True)
    elif feature.resize == "bilinear":
        made = tf.image.resize(image, size, "bilinear")
    else:
        made = tf.cond(
            tf.reduce_all(tf.shape(image)[:2] >= tf.convert_to_tensor(size)),
            lambda: tf.image.resize(image, size, "area"),
            lambda: tf.image.resize(image, size, "bilinear"),
        )
    return tf.cast(tf.round(made), tf.uint8)
