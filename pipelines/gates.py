"""The gates that a run without a push asks itself, whichever engine walks it."""

from __future__ import annotations

from stellwerk.components.artifacts.folders import read_json
from stellwerk.errors import GateRefused
from stellwerk.pipelines.runs import RunRecord

GATES = (
    ("evaluate", "blessing", "blessed", "the model is not blessed"),
    ("rehearse", "rehearsal", "passed", "the model did not pass its rehearsal"),
)
"""Steps that judge the model and leave it to push to refuse: their artifact, its key, and what is said without a push."""


def ask_the_gates(record: RunRecord) -> None:
    """Raises GateRefused where a step of the run judged the model and said no: without a push nobody else says it."""
    for step, artifact, passed, refusal in GATES:
        if any(one.name == step for one in record.steps):
            verdict = read_json(record.artifact(step, artifact) / f"{artifact}.json")
            if not verdict[passed]:
                refused = [row["sentence"] for row in verdict["requirements"] if not row["ok"]]
                raise GateRefused(f"{refusal}: " + " ".join(refused))
