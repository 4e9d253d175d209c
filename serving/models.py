"""Serves several versions of several models side by side and follows their base paths, as TensorFlow Serving does.

A new version is loaded before the old one goes, and a version goes only when no request uses it any more: a hot reload
fails no request. A version that does not load leaves the others as they are.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from stellwerk.serving.config import ModelConfig
from stellwerk.serving.errors import Code, ServingError
from stellwerk.serving.loading import LoadedModel
from stellwerk.serving.servable import Held, Model, Servable, State, VersionStatus
from stellwerk.serving.versions import found, signs

__all__ = ["Model", "ModelConfig", "ModelManager", "Servable", "State", "VersionStatus"]

POLL_SECONDS = 1.0
"""How often base paths are looked at."""

GRACE_SECONDS = 10.0
"""How long the end of a server waits for requests that still use a version."""

ENDED_KEPT = 20
"""How many ended versions of a model `status` still shows."""

_LOG = logging.getLogger(__name__)


class ModelManager:
    """Holds the models of a server. Use as a context manager, or call `close`. Safe to use from several threads.

    A model that is not there or does not load is no error: `status` says so, and it is served as soon as it loads.
    """

    def __init__(
        self,
        configs: Iterable[ModelConfig],
        poll_seconds: float = POLL_SECONDS,
        load: Callable[[Path], Model] = LoadedModel,
        allow_unavailable_labels: bool = False,
    ) -> None:
        """Loads what is there now, then looks every `poll_seconds` (0: only when `poll` or `reload` is called).

        `allow_unavailable_labels` lets a label point to a version that is not served yet; else that raises
        FAILED_PRECONDITION.
        """
        self._load = load
        self._allow_unavailable_labels = allow_unavailable_labels
        self._configs: Mapping[str, ModelConfig] = {}
        self._held: dict[str, dict[int, Held]] = {}
        self._changed = threading.Condition()
        self._updating = threading.RLock()
        self._closing = threading.Event()
        self._unloading: set[threading.Thread] = set()
        self._poller: threading.Thread | None = None
        try:
            self._take_over({config.name: config for config in configs})
        except BaseException:
            self.close()
            raise
        if poll_seconds > 0:
            self._poller = threading.Thread(
                target=self._poll_for_ever, args=(poll_seconds,), name="models", daemon=True
            )
            self._poller.start()

    def __enter__(self) -> ModelManager:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def configs(self) -> Mapping[str, ModelConfig]:
        """The models that are configured, by name."""
        return MappingProxyType(dict(self._configs))

    @property
    def names(self) -> list[str]:
        """The names of all models that are configured."""
        return sorted(self._configs)

    @contextlib.contextmanager
    def servable(self, name: str, version: int | None = None, label: str | None = None) -> Iterator[Servable]:
        """Lends a version, by default the newest that is available; it stays loaded until the block ends.

        Raises NOT_FOUND where it is not served, INVALID_ARGUMENT for a label that the model does not have.
        """
        held, servable = self._lend(name, version, label)
        try:
            yield servable
        finally:
            with self._changed:
                held.uses -= 1
                if not held.uses and held.state is State.UNLOADING:
                    self._changed.notify_all()

    def status(self, name: str, version: int | None = None, label: str | None = None) -> list[VersionStatus]:
        """Returns the state of one version, or of all, the newest first; raises NOT_FOUND where there is none."""
        if label is not None:
            version = self._labelled(name, label)
        with self._changed:
            held = sorted(self._held.get(name, {}).items(), reverse=True)
            shown = [one.status(number) for number, one in held if version is None or number == version]
        if not shown and version is not None:
            raise ServingError(Code.NOT_FOUND, f"Could not find version {version} of model {name}")
        if not shown:
            raise ServingError(Code.NOT_FOUND, f"Could not find any versions of model {name}")
        return shown

    def available(self, name: str) -> bool:
        """Says whether some version of a model answers."""
        with self._changed:
            return any(held.state is State.AVAILABLE for held in self._held.get(name, {}).values())

    def require_available(self, names: Iterable[str] | None = None) -> None:
        """Raises UNKNOWN, with TensorFlow Serving's text, unless these models (by default all) have a version that answers."""
        lacking = [name for name in (self.names if names is None else names) if not self.available(name)]
        if lacking:
            listed = ", ".join(f"{{{self._why(name)}}}" for name in lacking)
            raise ServingError(Code.UNKNOWN, f"{len(lacking)} model(s) did not become available: {{{listed}}}")

    def reload(self, configs: Iterable[ModelConfig]) -> None:
        """Serves these models from now on, and others no more. Returns once all that is new is loaded.

        Raises FAILED_PRECONDITION for a label of a version that is not available: nothing has changed then. Raises UNKNOWN
        when a new model did not become available: all others are served as the new configs say.
        """
        with self._updating:
            before = self._configs
            self._take_over({config.name: config for config in configs})
            self.require_available(name for name in self.names if name not in before)

    def close(self) -> None:
        """Unloads everything, each version as soon as no request uses it, and waits for that a few seconds."""
        self._closing.set()
        with self._updating:
            self._configs = {}
            self._poll()
            unloading = list(self._unloading)
        until = time.monotonic() + GRACE_SECONDS
        for thread in unloading:
            thread.join(max(0.0, until - time.monotonic()))
        if self._poller is not None and self._poller is not threading.current_thread():
            self._poller.join(GRACE_SECONDS)

    def poll(self) -> None:
        """Looks at the base paths now: loads what is new, then unloads what is not wanted any more."""
        with self._updating:
            if not self._closing.is_set():
                self._poll()

    def _poll_for_ever(self, seconds: float) -> None:
        while not self._closing.wait(seconds):
            try:
                self.poll()
            except Exception:
                _LOG.exception("the models could not be looked at; the next look is in %g s", seconds)

    def _poll(self) -> None:
        self._drop(self._bring(self._configs))

    def _take_over(self, configs: Mapping[str, ModelConfig]) -> None:
        """Loads what new configs want, checks their labels, and only then lets go of what the old ones wanted."""
        wanted = self._bring(configs)
        try:
            self._check_labels(configs)
        except ServingError:
            self._poll()
            raise
        with self._changed:
            self._configs = configs
        self._drop(wanted)

    def _bring(self, configs: Mapping[str, ModelConfig]) -> dict[str, list[int]]:
        """Loads what is wanted and not there; returns the wanted versions of each model whose base path can be read."""
        wanted: dict[str, list[int]] = {}
        for name, config in configs.items():
            there = found(config.base_path)
            if there is None:
                continue
            wanted[name] = config.policy.choose(there)
            with self._changed:
                held = self._held.setdefault(name, {})
                due = [number for number in wanted[name] if number not in held or held[number].may_load(there[number])]
                for number in due:
                    held[number] = Held(there[number], held[number].failures if number in held else 0)
            for number in due:
                self._load_one(name, number)
        return wanted

    def _load_one(self, name: str, number: int) -> None:
        if self._closing.is_set():
            return
        held = self._held[name][number]
        self._set(held, State.LOADING)
        held.signs = signs(held.path)
        try:
            servable = Servable(name, number, held.path, self._load(held.path))
        except Exception as error:
            _LOG.error("%s, version %d: not loaded: %s", name, number, error)
            held.failed(str(error))
            self._set(held, State.END)
            return
        held.servable = servable
        self._set(held, State.AVAILABLE)
        _LOG.info("%s, version %d: available", name, number)

    def _drop(self, wanted: Mapping[str, list[int]]) -> None:
        """Unloads what nobody wants: of a model with wanted versions only once one of them answers."""
        for name, versions in list(self._held.items()):
            if name in self._configs and name not in wanted:
                continue  # the base path cannot be read just now
            keep = wanted.get(name, [])
            if not keep or any(versions[number].state is State.AVAILABLE for number in keep if number in versions):
                for number in [number for number in versions if number not in keep]:
                    self._retire(name, number)
            self._forget(versions, keep)

    def _retire(self, name: str, number: int) -> None:
        held = self._held[name][number]
        with self._changed:
            if held.state is not State.AVAILABLE:
                return
            held.state = State.UNLOADING
        thread = threading.Thread(target=self._unload, args=(name, number, held), name="unload", daemon=True)
        self._unloading.add(thread)
        thread.start()

    def _unload(self, name: str, number: int, held: Held) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not held.uses)
            servable, held.servable = held.servable, None
        try:
            if servable is not None:
                servable.model.close()
        except Exception:
            _LOG.exception("%s, version %d: could not be closed", name, number)
        self._set(held, State.END)
        self._unloading.discard(threading.current_thread())
        _LOG.info("%s, version %d: unloaded", name, number)

    def _forget(self, versions: dict[int, Held], keep: list[int]) -> None:
        with self._changed:
            ended = sorted(
                number for number, held in versions.items() if held.state is State.END and number not in keep
            )
            for number in ended[:-ENDED_KEPT]:
                del versions[number]

    def _set(self, held: Held, state: State) -> None:
        with self._changed:
            held.state = state
            self._changed.notify_all()

    def _lend(self, name: str, version: int | None, label: str | None) -> tuple[Held, Servable]:
        if not name:
            raise ServingError(Code.INVALID_ARGUMENT, "ModelSpec has no name specified.")
        if label is not None:
            version = self._labelled(name, label)
        with self._changed:
            versions = self._held.get(name, {})
            numbers = [version] if version is not None else sorted(versions, reverse=True)
            for number in numbers:
                held = versions.get(number)
                if held is not None and held.servable is not None and held.state is State.AVAILABLE:
                    held.uses += 1
                    return held, held.servable
        asked = f"Latest({name})" if version is None else f"Specific({name}, {version})"
        raise ServingError(Code.NOT_FOUND, f"Servable not found for request: {asked}")

    def _labelled(self, name: str, label: str) -> int:
        config = self._configs.get(name)
        if config is None or label not in config.labels:
            raise ServingError(Code.INVALID_ARGUMENT, f"Unrecognized servable version label: {label}")
        return config.labels[label]

    def _check_labels(self, configs: Mapping[str, ModelConfig]) -> None:
        if self._allow_unavailable_labels:
            return
        for name, config in configs.items():
            for number in config.labels.values():
                held = self._held.get(name, {}).get(number)
                if held is None or held.state is not State.AVAILABLE:
                    raise ServingError(
                        Code.FAILED_PRECONDITION,
                        f"Request to assign label to version {number} of model {name}, which is not currently available "
                        "for inference",
                    )

    def _why(self, name: str) -> str:
        with self._changed:
            for number, held in sorted(self._held.get(name, {}).items(), reverse=True):
                return f"Name: {name} Version: {number}" + (f" due to error: {held.message}" if held.message else "")
        return f"Name: {name}, no version found under base path {self._configs[name].base_path}"
