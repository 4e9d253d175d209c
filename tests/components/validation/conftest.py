"""Runs the step on small splits, and gives what it wrote."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2

from stellwerk.components.validation.work import validate
from stellwerk.errors import GateRefused
from stellwerk.spec import Target, Validate

BINARY = Target(column="late", type="binary")


@dataclass(frozen=True)
class Outcome:
    """What a run of the step left: its artifacts, its rows, and its refusal."""

    folder: Path
    refused: GateRefused | None

    @property
    def statistics(self) -> Path:
        return self.folder / "statistics"

    @property
    def schema(self) -> Path:
        return self.folder / "schema" / "schema.pbtxt"

    @property
    def anomalies(self) -> Path:
        return self.folder / "anomalies"

    @property
    def rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads((self.anomalies / "anomalies.json").read_text())["anomalies"]
        return rows

    def proto(self, split: str) -> anomalies_pb2.Anomalies:
        """The anomalies of a split as TFDV wrote them."""
        anomalies = anomalies_pb2.Anomalies()
        anomalies.ParseFromString((self.anomalies / split / "SchemaDiff.pb").read_bytes())
        return anomalies

    def row(self, split: str, column: str) -> dict[str, Any]:
        """The only row of this column in this split."""
        (found,) = [row for row in self.rows if (row["split"], row["column"]) == (split, column)]
        return found


Validated = Callable[..., Outcome]


@pytest.fixture
def validated(tmp_path: Path, make_examples: Callable[..., Path]) -> Validated:
    """`validated(train=..., eval=..., test=..., curated=text, target=..., previous=..., **settings)`."""
    runs = 0

    def run(
        rows: Any = None,
        *,
        target: Target = BINARY,
        curated: str | None = None,
        previous: Path | None = None,
        splits: dict[str, Any] | None = None,
        **settings: Any,
    ) -> Outcome:
        nonlocal runs
        runs += 1
        folder = tmp_path / f"run{runs}"
        examples = make_examples(folder / "examples", rows, **(splits or {}))
        own = None
        if curated is not None:
            own = folder / "schema.pbtxt"
            own.write_text(curated, encoding="utf-8")
            settings["schema"] = "schemas/schema.pbtxt"
        refused = None
        try:
            validate(
                settings=Validate.model_validate(settings),
                target=target,
                examples=examples,
                curated=own,
                previous=previous,
                statistics=folder / "statistics",
                schema=folder / "schema",
                anomalies=folder / "anomalies",
            )
        except GateRefused as error:
            refused = error
        return Outcome(folder, refused)

    return run


@pytest.fixture
def plain() -> Callable[..., dict[str, Any]]:
    """Columns of a clean split: `plain(rows, column=values, ...)` with other columns or values."""

    def columns(rows: int = 400, **other: Any) -> dict[str, Any]:
        base = {
            "carrier": [("AA", "UA", "DL")[n % 3] for n in range(rows)],
            "hour": [n % 24 for n in range(rows)],
            "distance": [float(n % 50) for n in range(rows)],
            "late": [n % 2 for n in range(rows)],
        }
        return {name: values for name, values in {**base, **other}.items() if values is not None}

    return columns
