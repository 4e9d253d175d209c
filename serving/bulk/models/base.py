"""What can be asked for predictions, wherever it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from stellwerk.errors import ModelError, did_you_mean
from stellwerk.serving.tensors import Array, Tensor
from stellwerk.spec.data import Windows


class Refused(ModelError):
    """The model, or its server, cannot use what it was asked about: perhaps one row of it."""

    def __init__(self, message: str, said: str) -> None:
        super().__init__(message)
        self.said = said
        """What is wrong, without where the model is."""


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

    windows: Windows | None
    """By which rule its inputs are windows of rows; None where they are none, or a server does not say so."""

    def ask(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Returns arrays by output name for arrays by input name. Raises Refused for rows that cannot be used."""

    def interrupt(self) -> None:
        """Makes calls of `ask` that wait for a server end soon, with an error."""

    def close(self) -> None:
        """Frees what it holds."""


def chosen(signatures: Mapping[str, Any], name: str, where: str) -> Any:
    """Returns one of a model's signatures. Raises ModelError where it has none of that name."""
    if name not in signatures:
        raise ModelError(
            f"{where}: the model has no signature '{name}'.{did_you_mean(name, signatures)} "
            f"It has: {', '.join(sorted(signatures))}."
        )
    return signatures[name]
