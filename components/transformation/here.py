"""The passes of the transform over the data, in this process."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.transformation.graph import load_graph
from stellwerk.components.transformation.label import classes_of
from stellwerk.components.transformation.materialising import materialise
from stellwerk.components.transformation.measuring import measure
from stellwerk.components.transformation.plan import Plan, PreprocessingFn


@dataclass(frozen=True)
class Here:
    """Reads the examples batch by batch; `seen` hears of every batch's rows."""

    examples: Examples
    seen: Callable[[int], None]

    def measure(self, plan: Plan) -> Mapping[tuple[str, str], Any]:
        """Finds the classes of the plan, and returns what its features ask for."""
        plan.classes = classes_of(self.examples, plan.target)
        return measure(plan, self.examples, self.seen)

    def analyze(self, plan: Plan, preprocessing_fn: PreprocessingFn, folder: Path) -> None:
        """Runs TFT's analysers, by Beam in this process, and writes the graph to `folder`."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\.")
            from stellwerk.components.transformation.beam import analyze  # noqa: PLC0415 - Beam costs seconds to load

        with tempfile.TemporaryDirectory() as scratch:
            analyze(plan, preprocessing_fn, self.examples, folder, Path(scratch))

    def materialise(self, plan: Plan, graph: Path, folder: Path) -> None:
        """Writes the transformed splits and their manifest to `folder`."""
        materialise(plan, load_graph(plan, graph), self.examples, folder, self.seen)
