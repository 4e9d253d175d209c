"""Runs `ingest` on small files and looks at what it wrote."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.ingestion.work import ingest
from stellwerk.section import SPLITS
from stellwerk.spec.data import Data
from stellwerk.spec.target import Target


@dataclass(frozen=True)
class Ingested:
    """An Examples artifact and what lies beside it."""

    path: Path
    examples: Examples

    @property
    def manifest(self) -> dict[str, Any]:
        return self.examples.manifest

    @property
    def quarantine(self) -> list[dict[str, Any]]:
        lines = (self.path / "quarantine" / "rows.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def split(self, name: str) -> pa.Table:
        return pa.Table.from_batches(list(self.examples.batches(name)))

    def table(self) -> pa.Table:
        return pa.concat_tables([self.split(name) for name in SPLITS])


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Ingested]:
    """`run(source or {"sources": ..., ...}, numbers=[...], target="y", kind="binary")` returns what was ingested."""

    def ingested(
        data: Any, numbers: list[str] | None = None, target: str = "y", kind: str = "binary", to: str = "examples"
    ) -> Ingested:
        data = data if isinstance(data, dict) and "sources" in data else {"sources": {"rows": data}}
        examples = tmp_path / to
        ingest(
            data=Data.model_validate(data),
            directory=tmp_path,
            numbers=numbers or [],
            target=Target.model_validate({"column": target, "type": kind}),
            examples=examples,
        )
        return Ingested(examples, Examples.open(examples))

    return ingested


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """`write(name, content)` makes a file beside the spec."""

    def written(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written
