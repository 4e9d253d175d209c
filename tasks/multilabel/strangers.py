"""Labels of rows that a model does not know: they count as if no row had them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from stellwerk.tasks.multilabel.label import taken_apart


def strangers(column: pa.Array, classes: Sequence[str]) -> Counter[str]:
    """Returns how many rows have each label that is none of `classes`."""
    names, _ = taken_apart(column)
    found = pc.value_counts(names.filter(pc.invert(pc.is_in(names, value_set=pa.array(list(classes), pa.string())))))
    return Counter(dict(zip(found.field(0).to_pylist(), found.field(1).to_pylist(), strict=True)))
