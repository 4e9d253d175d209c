"""Networks by the name that `model.type` gives them: one folder each, and a line in `NETWORKS` of `stellwerk.spec.model`.

A network has two parts, each a module of its package, so that a spec is read without a framework:

- `keys`: `KEYS`, the section `model` of the spec for it;
- `build`: `build(architecture, inputs, units, hooks)`, which returns a `Body` or a complete Keras model, and
  `cost(architecture, inputs, rows)`, what a step of it costs.

A package of somebody's own brings one by the entry point `stellwerk.networks`, which names a package with these two modules.
"""
