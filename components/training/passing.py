"""One pass over rows: learning from them or not, their loss and their measures."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from stellwerk.ahead import read_ahead
from stellwerk.components.training.fitting import Fitting
from stellwerk.components.training.packing import Chunk
from stellwerk.components.training.reading import READ_AHEAD, Reader
from stellwerk.errors import StepFailed
from stellwerk.tasks.heads import Head


@dataclass(frozen=True)
class Passes:
    """Passes of a network over the splits that a reader has."""

    fitting: Fitting
    head: Head
    reader: Reader
    learning_rate: float
    """As the spec has it, for the sentence about a loss that is no number."""

    def judge(self, epoch: int) -> dict[str, float]:
        """Returns loss and measures of the model as it is now on the eval split, each with `eval_` before its name."""
        with read_ahead(self.reader.in_order("eval"), READ_AHEAD) as chunks:
            judged = self._over(chunks, epoch, learn=False)
        return {f"eval_{name}": value for name, value in judged.items()}

    def learn(self, epoch: int, seed: tuple[int, int], heard: Callable[[int], None]) -> dict[str, float]:
        """Learns from every row of the train split once; returns loss and measures. `heard` is told how many rows are done.

        Raises StepFailed when the loss is no finite number.
        """
        with read_ahead(self.reader.shuffled("train", seed), READ_AHEAD) as chunks:
            return self._over(chunks, epoch, learn=True, heard=heard)

    def _over(
        self, chunks: Iterable[Chunk], epoch: int, learn: bool, heard: Callable[[int], None] | None = None
    ) -> dict[str, float]:
        measures = self.head.measures()
        rows, loss = 0, 0.0
        for chunk in chunks:
            for seen in self.fitting.run(chunk, learn):
                self._refuse_nonsense(seen.loss, epoch, rows, learn)
                loss += seen.loss
                rows += len(seen.labels)
                measures.add(seen.labels, seen.values)
                if heard:
                    heard(rows)
        return {"loss": loss / rows, **measures.result()}

    def _refuse_nonsense(self, loss: float, epoch: int, rows: int, learn: bool) -> None:
        if not math.isfinite(loss):
            split = "train" if learn else "eval"
            raise StepFailed(
                f"The loss became {loss} in epoch {epoch}, after {rows} rows of the {split} split: the weights have run "
                f"away. Lower train.optimizer.learning_rate (now {self.learning_rate:g}), scale number "
                "features that have 'scale: none', and look at the statistics for values far out."
            )
