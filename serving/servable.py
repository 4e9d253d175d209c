"""One version of a model: what it answers, and where it is in its life."""

from __future__ import annotations

import enum
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from stellwerk.errors import ModelError
from stellwerk.serving.blaming import first_refused
from stellwerk.serving.errors import Code, ServingError
from stellwerk.serving.loading import SIGNATURE, InputError, Signature
from stellwerk.serving.tensors import Array
from stellwerk.serving.versions import signs

RETRIES = 5
"""How often a version that did not load is tried again although its files are the same, as TensorFlow Serving does."""

RETRY_SECONDS = 60.0
"""The time between these tries."""


class State(enum.Enum):
    """Where a version is in its life, by the numbers of TensorFlow Serving's `ModelVersionStatus.State`."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclass(frozen=True)
class VersionStatus:
    """The state of one version; `code` and `message` say why one that did not load ended."""

    version: int
    state: State
    code: Code = Code.OK
    message: str = ""


class Model(Protocol):
    """What answers requests: a `LoadedModel`, or something around one."""

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """The ways to ask it, by name."""

    def predict(self, inputs: Mapping[str, Array], signature: str = SIGNATURE) -> dict[str, Array]:
        """Asks it; arrays by input name in, arrays by output name out."""

    def close(self) -> None:
        """Frees its memory."""


@runtime_checkable
class Shared(Protocol):
    """A model that answers the requests of several callers as one."""

    def shares(self, signature: str) -> bool:
        """Says whether requests to a signature may be put together, as far as is known."""


class Servable:
    """A loaded version that answers. Safe to use from several threads."""

    def __init__(self, name: str, version: int, path: Path, model: Model) -> None:
        self.name = name
        self.version = version
        self.path = path
        self.model = model
        described = about(path)
        self.classes = tuple(str(name) for name in described.get("classes") or ())
        """The names of the classes in the order of their scores, as the exporter wrote them down; empty without them."""
        self._columns = {name: str(one.get("dtype")) for name, one in (described.get("inputs") or {}).items()}

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """The ways to ask it, by name; `Signature.definition` is the SignatureDef as TensorFlow stores it."""
        return self.model.signatures

    def signature(self, name: str = "") -> Signature:
        """Returns a signature, `serving_default` for the empty name; raises FAILED_PRECONDITION where there is none."""
        signature = self.signatures.get(name or SIGNATURE)
        if signature is None:
            raise ServingError(Code.FAILED_PRECONDITION, f'Serving signature key "{name or SIGNATURE}" not found.')
        return signature

    def predict(self, inputs: Mapping[str, Array], signature: str = "") -> dict[str, Array]:
        """Asks the model: arrays by input name, all with the same first dimension; returns arrays by output name.

        Raises INVALID_ARGUMENT for inputs that do not fit the signature, or a row that the model cannot use, with its number;
        INTERNAL where the model itself fails.
        """
        try:
            return self._predict(inputs, signature)
        except ServingError as refused:
            if not isinstance(refused.__cause__, InputError):
                raise
            found = first_refused(lambda some: self._predict(some, signature), inputs)
            raise refused if found is None else found from refused.__cause__

    def _predict(self, inputs: Mapping[str, Array], signature: str) -> dict[str, Array]:
        asked = self.signature(signature)
        _check_names(asked, inputs)
        try:
            return self._answer(inputs, asked)
        except InputError as error:
            raise ServingError(Code.INVALID_ARGUMENT, str(error)) from error
        except ModelError as error:
            raise ServingError(Code.INTERNAL, str(error)) from error

    def _answer(self, inputs: Mapping[str, Array], asked: Signature) -> dict[str, Array]:
        """Asks the model; Examples that it cannot parse once more, in the types that it takes."""
        try:
            return self.model.predict(inputs, asked.name)
        except InputError:
            written = _rewritten(inputs, self._columns)
            if written is None:
                raise
        return self.model.predict(written, asked.name)

    def predict_parts(
        self,
        inputs: Mapping[str, Array],
        parts: Sequence[int],  # noqa: ARG002 - for those who count
        signature: str = "",
    ) -> dict[str, Array]:
        """Asks the model for several requests as `predict` does: their rows are below each other, `parts` says how many each has.

        Which row is to blame is not said: whoever put requests together asks again for each.
        """
        return self._predict(inputs, signature)

    def shares(self, signature: str) -> bool:
        """Says whether requests to a signature may be put together, as far as is known."""
        return isinstance(self.model, Shared) and self.model.shares(signature)


class Held:
    """A version that is, was or will be in a server, and how many requests use it now."""

    def __init__(self, path: Path, failures: int = 0) -> None:
        self.path = path
        self.state = State.START
        self.code = Code.OK
        self.message = ""
        self.servable: Servable | None = None
        self.uses = 0
        self.failures = failures
        self.signs: object = None
        self._retry_at = 0.0

    def status(self, number: int) -> VersionStatus:
        """Says where it is."""
        return VersionStatus(number, self.state, self.code, self.message)

    def failed(self, message: str) -> None:
        """Notes that it did not load."""
        self.code, self.message = Code.INTERNAL, message
        self.failures += 1
        self._retry_at = time.monotonic() + RETRY_SECONDS

    def may_load(self, path: Path) -> bool:
        """Says whether it has ended and is worth another try: it was unloaded well, its files changed, or time passed."""
        if self.state is not State.END:
            return False
        if not self.message:
            return True
        changed = (path, signs(path)) != (self.path, self.signs)
        return changed or (self.failures <= RETRIES and time.monotonic() >= self._retry_at)


def _check_names(signature: Signature, inputs: Mapping[str, Array]) -> None:
    takes, given = set(signature.inputs), set(inputs)
    if takes == given:
        return
    extra, missing = sorted(given - takes), sorted(takes - given)
    if len(takes) != len(given):
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"input size does not match signature: {len(given)}!={len(takes)} len({{{','.join(sorted(given))}}}) != "
            f"len({{{','.join(sorted(takes))}}}). Sent extra: {{{','.join(extra)}}}. "
            f"Missing but required: {{{','.join(missing)}}}.",
        )
    raise ServingError(
        Code.INVALID_ARGUMENT,
        f"input tensor alias not found in signature: {extra[0]}. "
        f"Inputs expected to be in the set {{{','.join(sorted(takes))}}}.",
    )


def _rewritten(inputs: Mapping[str, Array], columns: Mapping[str, str]) -> dict[str, Array] | None:
    """Returns serialised Examples as `as_parsed` writes them; None where there are none, or nothing could be changed."""
    if len(inputs) != 1 or not columns:
        return None
    ((name, values),) = inputs.items()
    if values.dtype.kind != "O" or name in columns:
        return None
    from stellwerk.serving.stored import as_parsed  # noqa: PLC0415 - only where Examples were refused

    made = as_parsed(values, columns)
    return None if made is None else {name: made}


def about(path: Path) -> dict[str, Any]:
    """Returns what the exporter wrote down of the model; nothing of models of others."""
    try:
        found = json.loads((path / "assets.extra" / "stellwerk.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    well = isinstance(found, dict) and isinstance(found.get("inputs", {}), dict)
    return found if well and isinstance(found.get("classes") or [], list) else {}
