"""Encoders by the name that `encoder` of a feature gives them: one folder each, and a line in `stellwerk.encoders`.

An encoder has two parts, each a module of its package, so that a spec is read without a framework:

- `keys`: `KEYS`, its section of the spec, which says what it reads (`TAKES`);
- `build`: `encode(settings, items, tensors, hooks)`, which makes a Keras tensor float32 [batch, n] of the inputs of one feature;
  `width(settings, items)`, the n, and `cost(settings, items)`, what a row costs, each None where only the layers know.

A package of somebody's own brings one by the entry point `stellwerk.encoders`, which names a package with these two modules.
"""
