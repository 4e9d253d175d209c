"""Serves several versions of several models side by side and follows their base paths, as TensorFlow Serving does.

A new version is loaded before the old one goes, and a version goes only when no request uses it any more: a hot reload
fails no request. A version that does not load leaves the others as they are.
"""

from __future__ import annotations

import contextlib
import enum
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from stellwerk.errors import ModelError
from stellwerk.serving.config import ModelConfig
from stellwerk.serving.errors import Code, ServingError
from stellwerk.serving.loading import SIGNATURE, InputError, LoadedModel, Signature
from stellwerk.serving.tensors import Array
from stellwerk.serving.versions import found

POLL_SECONDS = 1.0
"""How often base paths are looked at."""

ENDED_KEPT = 20
"""How many ended versions of a model `status` still shows."""

_LOG = logging.getLogger(__name__)


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


class Servable:
    """One version of a model that answers. Safe to use from several threads."""

    def __init__(self, name: str, version: int, path: Path, model: Model) -> None:
        self.name = name
        self.version = version
        self.path = path
        self.model = model

    @property
    def signatures(self) -> Mapping[str, Signature]:
        """The ways to ask it, by name; `Signature.definition` is the SignatureDef as TensorFlow stores it."""
        return self.model.signatures

    def signature(self, name: str = "") -> Signature:
        """Returns a signature, `serving_default` for the empty name; raises FAILED_PRECONDITION where there is none."""
        found_one = self.signatures.get(name or SIGNATURE)
        if found_one is None:
            raise ServingError(Code.FAILED_PRECONDITION, f'Serving signature key "{name or SIGNATURE}" not found.')
        return found_one

    def predict(self, inputs: Mapping[str, Array], signature: str = SIGNATURE) -> dict[str, Array]:
        """Asks the model; raises ServingError: INVALID_ARGUMENT for inputs that do not fit, INTERNAL where it fails."""
        try:
            return self.model.predict(inputs, self.signature(signature).name)
        except InputError as error:
            raise ServingError(Code.INVALID_ARGUMENT, str(error)) from error
        except ModelError as error:
            raise ServingError(Code.INTERNAL, str(error)) from error


class _Held:
    """A version that is or was in a server, and the requests that use it now."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state = State.START
        self.code = Code.OK
        self.message = ""
        self.servable: Servable | None = None
        self.uses = 0
        self.tried: object = None


class ModelManager:
    """Holds the models of a server. Use as a context manager, or call `close`.

    Raises nothing for models that are not there or do not load: `status` says so, and they are taken as soon as they load.
    """

    def __init__(
        self,
        configs: Iterable[ModelConfig],
        poll_seconds: float = POLL_SECONDS,
        load: Callable[[Path], Model] = LoadedModel,
    ) -> None:
        """Loads what is there now, then looks every `poll_seconds` (0: never again)."""
        self._load = load
        self._configs = {config.name: config for config in configs}
        self._held: dict[str, dict[int, _Held]] = {}
        self._changed = threading.Condition()
        self._updating = threading.Lock()
        self._closing = threading.Event()
        self.poll()
        self._poller = threading.Thread(target=self._poll_for_ever, args=(poll_seconds,), daemon=True)
        if poll_seconds > 0:
            self._poller.start()

    def __enter__(self) -> ModelManager:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def names(self) -> list[str]:
        """The names of all models that are configured."""
        return sorted(self._configs)

    @contextlib.contextmanager
    def servable(self, name: str, version: int | None = None, label: str | None = None) -> Iterator[Servable]:
        """Lends a version, by default the newest; it stays loaded until the block ends. Raises NOT_FOUND without one."""
        held, servable = self._take(name, version, label)
        try:
            yield servable
        finally:
            with self._changed:
                held.uses -= 1
                self._changed.notify_all()

    def status(self, name: str, version: int | None = None) -> list[VersionStatus]:
        """Returns the state of one version or of all versions, the newest first; raises NOT_FOUND where there is none."""
        with self._changed:
            versions = self._held.get(name, {})
            shown = [
                VersionStatus(number, held.state, held.code, held.message)
                for number, held in sorted(versions.items(), reverse=True)
                if version is None or number == version
            ]
        if not shown and version is not None:
            raise ServingError(Code.NOT_FOUND, f"Could not find version {version} of model {name}")
        if not shown:
            raise ServingError(Code.NOT_FOUND, f"Could not find any versions of model {name}")
        return shown

    def reload(self, configs: Iterable[ModelConfig]) -> None:
        """Serves these models from now on, and others no more. Returns when all that can be loaded is loaded."""
        self._configs = {config.name: config for config in configs}
        self.poll()

    def close(self) -> None:
        """Unloads everything, each version as soon as no request uses it."""
        self._closing.set()
        with self._updating:
            for name, versions in self._held.items():
                for number in versions:
                    self._unload(name, number)

    def poll(self) -> None:
        """Looks at the base paths now: loads what is new, unloads what is not wanted any more."""
        with self._updating:
            for name in {*self._configs, *self._held}:
                self._follow(name)

    def _poll_for_ever(self, seconds: float) -> None:
        while not self._closing.wait(seconds):
            self.poll()

    def _follow(self, name: str) -> None:
        config = self._configs.get(name)
        there = found(config.base_path) if config else {}
        if there is None:
            return
        wanted = config.policy.choose(there) if config else []
        for number in wanted:
            self._bring(name, number, there[number])
        held = self._held.get(name, {})
        if not wanted or any(held[number].state is State.AVAILABLE for number in wanted):
            for number in [number for number in held if number not in wanted]:
                self._unload(name, number)

    def _bring(self, name: str, number: int, path: Path) -> None:
        held = self._held.setdefault(name, {}).setdefault(number, _Held(path))
        stat = (path / "saved_model.pb").stat().st_mtime_ns
        if held.state is State.AVAILABLE or held.tried == stat:
            return
        held.tried, held.state = stat, State.LOADING
        try:
            held.servable = Servable(name, number, path, self._load(path))
            held.state, held.code, held.message = State.AVAILABLE, Code.OK, ""
        except Exception as error:
            held.state, held.code, held.message = State.END, Code.INTERNAL, str(error)
            _LOG.error("%s", error)

    def _unload(self, name: str, number: int) -> None:
        held = self._held[name][number]
        with self._changed:
            if held.state is not State.AVAILABLE:
                return
            held.state = State.UNLOADING
            self._changed.wait_for(lambda: not held.uses)
            servable, held.servable, held.tried = held.servable, None, None
        if servable is not None:
            servable.model.close()
        held.state = State.END

    def _take(self, name: str, version: int | None, label: str | None) -> tuple[_Held, Servable]:
        if label is not None:
            version = self._labelled(name, label)
        with self._changed:
            for number, held in sorted(self._held.get(name, {}).items(), reverse=True):
                servable = held.servable
                if servable and held.state is State.AVAILABLE and (version is None or number == version):
                    held.uses += 1
                    return held, servable
        asked = f"Latest({name})" if version is None else f"Specific({name}, {version})"
        raise ServingError(Code.NOT_FOUND, f"Servable not found for request: {asked}")

    def _labelled(self, name: str, label: str) -> int:
        config = self._configs.get(name)
        if config is None or label not in config.labels:
            raise ServingError(Code.INVALID_ARGUMENT, f"Unrecognized servable version label: {label}")
        return config.labels[label]
