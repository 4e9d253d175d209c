"""What can be asked for predictions, wherever it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from stellwerk.serving.tensors import Array, Tensor


class Asked(Protocol):
    """One version of one model. `ask` may be called from several threads."""

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]
    identity: str
    """Changes when the model does, so that parts of two models never end in one output."""
    clients: int
    """How many calls of `ask` at once serve best."""
    batch_size: int
    """How many rows to ask about at once where nobody said so."""

    def ask(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Returns arrays by output name for arrays by input name."""

    def interrupt(self) -> None:
        """Makes calls of `ask` that wait for a server end soon, with an error."""

    def close(self) -> None:
        """Frees what it holds."""
