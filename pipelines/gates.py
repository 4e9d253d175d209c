"""The gates that a run without a push asks itself, whichever engine walks it."""

from __future__ import annotations

from stellwerk.components.artifacts.folders import read_json
from stellwerk.errors import GateRefused
from stellwerk.pipelines.runs import RunRecord
from stellwerk.steps import GATES


def ask_the_gates(record: RunRecord) -> None:
    """Raises GateRefused where a step of the run judged the model and said no: without a push nobody else says it."""
    for step, gate in GATES:
        if any(one.name == step for one in record.steps):
            verdict = read_json(record.made(gate.artifact) / f"{gate.artifact}.json")
            if not verdict[gate.said]:
                refused = [row["sentence"] for row in verdict["requirements"] if not row["ok"]]
                raise GateRefused(f"{gate.refusal}: " + " ".join(refused))
