"""Encoders: what makes a vector of a feature's tensors, before the network joins the features. One package each.

    cnn          pictures                     a small convolutional network
    application  pictures                     a network of keras.applications, with weights of the user's or none
    conv1d       words in order, series       convolutions along the steps
    lstm, gru    words in order, series       one step after the other
    transformer  words in order, series       each step looks at all others
    embedding    words in order               their learned vectors, pooled
    custom       anything                     a function of the user's own

An encoder has two parts, each a module of its package, so that a spec is read without a framework: `keys` with its section of the
spec, `KEYS`, and `build` with its layers (`stellwerk.components.training.encoders`). A package of somebody's own brings one by the
entry point `stellwerk.encoders`.
"""

from __future__ import annotations

from stellwerk.families import Family

_HERE = "stellwerk.components.training.encoders"

ENCODERS = Family(
    "encoders",
    "encoder",
    {
        "cnn": f"{_HERE}.cnn",
        "application": f"{_HERE}.application",
        "conv1d": f"{_HERE}.conv1d",
        "lstm": f"{_HERE}.lstm",
        "gru": f"{_HERE}.gru",
        "transformer": f"{_HERE}.transformer",
        "embedding": f"{_HERE}.embedding",
        "custom": f"{_HERE}.custom",
    },
    parts={"keys": ("KEYS",), "build": ("encode", "width", "cost")},
)
"""By the name that `encoder.type` gives them, in the order in which people are told of them."""
