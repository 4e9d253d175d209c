"""Models, evaluations and blessings as other steps write them, and a push of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stellwerk.components.artifacts.folders import folder_digest, read_json, write_json
from stellwerk.components.deployment.work import push
from stellwerk.spec import Push


@dataclass(frozen=True)
class Pipeline:
    """A folder with the artifacts that push reads and the folder it pushes to."""

    folder: Path

    def arguments(self, model: str, to: str = "models", blessed: bool = True) -> dict[str, Any]:
        """Writes a model with the bytes `model` and returns what push is called with."""
        run = self.folder / "runs" / model
        write_json(run / "model" / "assets.extra" / "stellwerk.json", {"examples_version": f"data of {model}"})
        (run / "model" / "variables").mkdir(exist_ok=True)
        (run / "model" / "saved_model.pb").write_bytes(model.encode())
        (run / "model" / "variables" / "variables.data-00000-of-00001").write_bytes(model.encode() * 200_000)
        about = {"model_digest": folder_digest(run / "model")}
        slices = [
            {"slice": {"carrier": "AA"}, "examples": 10, "metrics": {"auc": 0.9}},
            {"slice": {}, "examples": 100, "metrics": {"auc": 0.8, "accuracy": None}},
        ]
        write_json(run / "evaluation" / "evaluation.json", {"examples": 100, "slices": slices})
        requirements = [
            {"metric": "auc", "ok": blessed, "sentence": "auc is 0.8000, below the 0.9 that is required."},
            {"metric": "accuracy", "ok": True, "sentence": "accuracy is fine."},
        ]
        write_json(run / "blessing" / "blessing.json", {"blessed": blessed, "requirements": requirements, **about})
        artifacts = {name: run / name for name in ("model", "evaluation", "blessing", "pushed_model")}
        context = {"run": f"run of {model}", "created": "2026-01-01T00:00:00Z"}
        return {"name": "late", "push_to": Push(to=to), "directory": self.folder, "context": context, **artifacts}

    def push(self, model: str, **options: Any) -> dict[str, Any]:
        """Pushes a model and returns what `pushed.json` says."""
        arguments = self.arguments(model, **options)
        push(**arguments)
        pushed: dict[str, Any] = read_json(arguments["pushed_model"] / "pushed.json")
        return pushed

    @property
    def served(self) -> Path:
        """Folder of the versions."""
        return self.folder / "models" / "late"

    def names(self) -> list[str]:
        """What a model server sees in it."""
        return sorted(path.name for path in self.served.iterdir() if not path.name.startswith("."))


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return Pipeline(tmp_path)


@pytest.fixture
def pipeline_in() -> Callable[[Path], Pipeline]:
    return Pipeline
