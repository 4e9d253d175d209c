"""What validate found out about the data, as facets of the dataset that it read."""

from __future__ import annotations

import math
from pathlib import Path

from stellwerk.components.artifacts.folders import read_json
from stellwerk.components.lineage.events import Json, facet

SPLIT = "train"
"""Statistics are told of this split."""


def quality(statistics: Path, anomalies: Path) -> dict[str, Json]:
    """Returns counts of each column and the gate's anomalies as input facets; what was not written is left out."""
    found = {}
    columns = _columns(statistics) if statistics.is_dir() else {}
    if columns:
        rows = next(iter(columns.values()))["rows"]
        metrics = {name: {key: item for key, item in one.items() if key != "rows"} for name, one in columns.items()}
        found["dataQualityMetrics"] = facet("dataQualityMetrics", rowCount=rows, columnMetrics=metrics)
    if (anomalies / "anomalies.json").is_file():
        rows = read_json(anomalies / "anomalies.json")["anomalies"]
        assertions = [
            {
                "assertion": row["kind"],
                "success": False,
                "description": row["what"],
                **({"column": row["column"]} if row["column"] else {}),
            }
            for row in rows
        ]
        found["dataQualityAssertions"] = facet("dataQualityAssertions", assertions=assertions)
    return found


def _columns(statistics: Path) -> dict[str, Json]:
    from stellwerk.report.statistics import read_statistics  # noqa: PLC0415 - only validate has them

    found: dict[str, Json] = {}
    for one in read_statistics(statistics):
        column = one.splits.get(SPLIT)
        if column is None:
            continue
        told: Json = {"rows": column.rows, "nullCount": column.missing, "count": column.rows - column.missing}
        if column.numbers is not None:
            bounds = {"min": column.numbers.min, "max": column.numbers.max}
            told |= {name: value for name, value in bounds.items() if math.isfinite(value)}
        if column.values is not None:
            told["distinctCount"] = column.values.unique
        found[one.name] = told
    return found
