"""How each feature type becomes part of the transform graph: one module a type, one line each in `FEATURES`.

A module has
- `FORMS`: how it takes a column of each type, as type of the graph input; a type that is not there cannot be used;
- `measured(name, feature, columns)`: what must be known of the whole training split, by key;
- `transform(features, columns, known)`: the outputs of all features of the type, by feature, given those measures.
"""

from __future__ import annotations

from types import ModuleType

from stellwerk.components.transformation.features import boolean, category, cross, custom, number, text, time

FEATURES: dict[str, ModuleType] = {
    "number": number,
    "category": category,
    "boolean": boolean,
    "time": time,
    "text": text,
    "cross": cross,
    "custom": custom,
}
