"""The state after an epoch, on disk: a killed process goes on from there and ends with the same model."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from stellwerk.tasks.labels import Numbers

_FILE = "checkpoint.npz"
_LOOPS = "loop-"


@dataclass
class State:
    """How far training has come."""

    epochs: list[dict[str, Any]] = field(default_factory=list)
    """The history, one entry a finished epoch."""
    best_epoch: int = 0
    best_loss: float = float("inf")
    """Lowest eval loss so far."""
    best: list[Numbers] = field(default_factory=list)
    """The model's values after the best epoch; kept only where early stopping needs them."""
    now: list[Numbers] = field(default_factory=list)
    """All values after the last finished epoch; filled only in a state that was read."""


@dataclass(frozen=True)
class Checkpoint:
    """One file in `folder`; `fingerprint` names the inputs, so that another training's state is never taken up."""

    folder: Path | None
    fingerprint: str

    def write(self, state: State, now: list[Numbers]) -> None:
        """Writes `state` and the values of all variables, whole or not at all."""
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        facts = {
            "fingerprint": self.fingerprint,
            "epochs": state.epochs,
            "best_epoch": state.best_epoch,
            "best_loss": state.best_loss,
        }
        arrays = {f"now_{place}": value for place, value in enumerate(now)}
        arrays.update({f"best_{place}": value for place, value in enumerate(state.best)})
        aside = self.folder / f".{_FILE}.{os.getpid()}.part"
        with aside.open("wb") as file:
            np.savez(file, facts=np.array(json.dumps(facts)), **arrays)
        aside.replace(self.folder / _FILE)

    def read(self) -> State | None:
        """Returns the last state of the same training, or None. A file that is damaged counts as none."""
        if self.folder is None or not (self.folder / _FILE).exists():
            return None
        try:
            with (self.folder / _FILE).open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                facts = json.loads(str(file["facts"]))
                if facts["fingerprint"] != self.fingerprint:
                    return None
                return State(
                    epochs=facts["epochs"],
                    best_epoch=facts["best_epoch"],
                    best_loss=facts["best_loss"],
                    best=_numbered(file, "best"),
                    now=_numbered(file, "now"),
                )
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return None

    def for_a_loop(self) -> Path | None:
        """Returns a folder for what a loop of the user's own keeps, of the same training only; None where nothing outlives an attempt."""
        if self.folder is None:
            return None
        folder = self.folder / f"{_LOOPS}{self.fingerprint[:16]}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def remove(self) -> None:
        """Removes the file and what loops kept: the training is over."""
        if self.folder is not None:
            (self.folder / _FILE).unlink(missing_ok=True)
            for folder in self.folder.glob(f"{_LOOPS}*"):
                shutil.rmtree(folder, ignore_errors=True)


def _numbered(file: Any, kind: str) -> list[Numbers]:
    count = sum(name.startswith(f"{kind}_") for name in file.files)
    return [file[f"{kind}_{place}"] for place in range(count)]
