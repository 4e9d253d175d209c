"""A gate that lets the next step refuse: of a step that fails the dashboard keeps nothing, not even what it found."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any

from stellwerk.components.artifacts.folders import read_json
from stellwerk.errors import GateRefused

SHOWN = 20
"""How many anomalies a refusal lists; the page of validate has them all."""


def refusals(*, stop: bool) -> AbstractContextManager[None]:
    """Returns a context in which a gate stops the step, or, without `stop`, only writes down what it found."""
    return nullcontext() if stop else suppress(GateRefused)


def admit(anomalies: Any | None) -> None:
    """Raises GateRefused when a KFP artifact of anomalies has any, and lists them; None, where nobody asks, has none."""
    rows = [] if anomalies is None else read_json(Path(anomalies.path) / "anomalies.json")["anomalies"]
    if not rows:
        return
    number = f"{len(rows)} anomalies" if len(rows) > 1 else "1 anomaly"
    said = [
        f"The data do not pass: {number}. Correct the data, or accept what is right as it is by the change after the arrow; "
        "`validate.on_anomaly: warn` only reports. The page of the step validate shows every column."
    ]
    said += [
        f"{row['split']}, {row['column'] or 'all columns'}: {row['what']}\n  → {row['fix']}" for row in rows[:SHOWN]
    ]
    said += [f"and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
    raise GateRefused("\n".join(said))
