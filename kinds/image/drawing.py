"""Pictures as the report shows them: small, and made anew of their pixels, so that nothing else in their files goes with them."""

from __future__ import annotations

import base64

import tensorflow as tf

from stellwerk.kinds.image.decoding import decoded
from stellwerk.kinds.image.heads import format_of
from stellwerk.kinds.image.keys import Image

SIDE = 96
"""Pixels of the longer side at most."""
_AS_IT_IS = 48
"""Pictures up to this side are written without loss."""
_AS_IT_COMES = Image(type="image")


def drawn(value: bytes) -> str | None:
    """Returns a picture as a `data:` URI of a few kilobytes; None for other bytes, and for what does not decode."""
    if format_of(value) is None:
        return None
    try:
        image = decoded(tf.constant(value), _AS_IT_COMES)
    except tf.errors.InvalidArgumentError:
        return None
    longest = max(image.shape[:2])
    if longest > SIDE:
        sides = [max(1, round(side * SIDE / longest)) for side in image.shape[:2]]
        image = tf.cast(tf.round(tf.image.resize(image, sides, "area")), tf.uint8)
    if longest <= _AS_IT_IS:
        return _uri("png", tf.io.encode_png(image).numpy())
    return _uri("jpeg", tf.io.encode_jpeg(image, quality=80, optimize_size=True).numpy())


def _uri(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
