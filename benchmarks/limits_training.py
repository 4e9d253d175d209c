"""One training, watched: python limits_training.py RUN/train/call.json. Prints a line of JSON; `limits.py` calls it.

`delivered` and `consumed` are rows a second: of the input pipeline alone, and of training after its first calls, which trace
the graph. `share` is the part of the wall time from there to the end of the epoch that was spent in steps.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stellwerk.environment import load, prepare

prepare()
load("tensorflow")

from stellwerk.components.calling import call  # after the environment is prepared
from stellwerk.components.training import epochs, fitting

WARM_UP = 3
"""Calls that are not counted: the first traces the graph, the next find the length of a call."""


class Watched:
    """Stands in the place of training's inner loop, and notes when each call began and ended."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, float, int]] = []
        self._run = fitting.Fitting.run

    def run(self, one: Any, chunk: Any, learn: bool) -> Iterator[Any]:
        """Runs the loop over a chunk; only learning is noted."""
        seen = self._run(one, chunk, learn)
        while True:
            began = time.perf_counter()
            try:
                found = next(seen)
            except StopIteration:
                return
            if learn:
                self.calls.append((began, time.perf_counter(), len(found.labels)))
            yield found


def main() -> None:
    arguments = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    watched = Watched()
    readers: list[Any] = []
    made = epochs.Epochs.__init__

    def run(one: Any, chunk: Any, learn: bool) -> Iterator[Any]:
        return watched.run(one, chunk, learn)

    def noted(one: Any, *given: Any) -> None:
        readers.append(given[3])
        made(one, *given)

    fitting.Fitting.run = run  # type: ignore[method-assign]
    epochs.Epochs.__init__ = noted  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        outputs = {name: f"{folder}/{name}" for name in ("model", "history", "scratch")}
        call("train", {**arguments, **outputs})
    calls = watched.calls[WARM_UP:]
    wall = calls[-1][1] - watched.calls[WARM_UP - 1][1]
    inside = sum(ended - began for began, ended, _ in calls)
    rows = sum(count for _, _, count in calls)
    began = time.perf_counter()
    with epochs.read_ahead(readers[0].shuffled("train", (1, 1)), epochs.READ_AHEAD) as chunks:
        delivered = sum(len(chunk) for chunk in chunks)
    seconds = time.perf_counter() - began
    print(json.dumps({"delivered": delivered / seconds, "consumed": rows / wall, "share": inside / wall}))


if __name__ == "__main__":
    main()
