"""A gate that lets the next step refuse: of a step that fails the dashboard keeps nothing, not even what it found."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any

from stellwerk.components.artifacts.folders import read_json
from stellwerk.errors import GateRefused


def refusals(*, stop: bool) -> AbstractContextManager[None]:
    """Returns a context in which a gate stops the step, or, without `stop`, only writes down what it found."""
    return nullcontext() if stop else suppress(GateRefused)


def admit(anomalies: Any | None) -> None:
    """Raises GateRefused when a KFP artifact of anomalies has any; None, where nobody asks, has none."""
    rows = [] if anomalies is None else read_json(Path(anomalies.path) / "anomalies.json")["anomalies"]
    if rows:
        first, number = rows[0], f"{len(rows)} anomalies" if len(rows) > 1 else "1 anomaly"
        where = (
            f"column {first['column']} of the {first['split']} split"
            if first["column"]
            else f"the {first['split']} split"
        )
        raise GateRefused(
            f"The data do not pass: {number}, the first in {where}: {first['what']}. The page and the verdict of the step validate show "
            "all, with what to change; `validate.on_anomaly: warn` only reports."
        )
