"""The values that a look at the data shows, as plain Python: Arrow's own conversions import pandas, which takes longer."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow.compute as pc

from stellwerk.components.ingestion.probing import Probe


def counted(seen: Probe, column: str) -> Counter[Any]:
    """Returns how often each value of a column occurs in the sample; what is missing or NaN is left out."""
    if seen.sample is None:
        return Counter()
    counts = {each["values"]: each["counts"] for each in pc.value_counts(seen.sample[column]).to_pylist()}
    return Counter({value: count for value, count in counts.items() if value is not None and value == value})  # noqa: PLR0124 - NaN
