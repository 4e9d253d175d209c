"""Training loops by the name that `train.loop` gives them: a module each, and a line in `LOOPS` of `stellwerk.spec.train`.

A loop is a module with

- `loop(course)`, which returns a `Loop` (`base.py`) for a network that is built, an optimiser, a loss and rows to read;
- `SHARES_BATCHES`: whether it learns a batch in the parts that `threads` counts, side by side.

A package of somebody's own brings one by the entry point `stellwerk.loops`; a function of the user's own, `train.py:fit`, is `hook.py`.
"""
