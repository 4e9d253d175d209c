"""What a step decided, as a KFP parameter: conditions of a pipeline ask parameters, not artifacts."""

from __future__ import annotations

from pathlib import Path

from stellwerk.components.artifacts.folders import read_json

REFUSED = "stellwerk: refused: "
"""What a line of a gate's log begins with that says which requirement is not met: `stellwerk submit --wait` reads it there."""


def answer(file: str | Path, key: str) -> bool:
    """Returns the decision that a JSON file of an artifact holds at `key`; a face returns it as its output parameter.

    Prints the requirements that are not met, each as its sentence.
    """
    verdict = read_json(Path(file))
    for requirement in verdict.get("requirements", ()):
        if not requirement["ok"]:
            print(REFUSED + " ".join(requirement["sentence"].split()), flush=True)
    return bool(verdict[key])
