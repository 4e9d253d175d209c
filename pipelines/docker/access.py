"""What of the world outside a container reaches: the stores that a step reads from or pushes to, and nothing for other steps.

Credentials are handed on by reference: environment variables by their names, files by mounting them where they are. No value
of theirs is in a spec, an IR or a record of a run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stellwerk.errors import UsageError
from stellwerk.loading.files import weights
from stellwerk.pipelines.kubeflow.previous_artifacts import reaches
from stellwerk.spec import Spec
from stellwerk.spec.places import STORES, scheme_of
from stellwerk.steps import World

ANYWHERE = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy")
CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


@dataclass(frozen=True)
class Access:
    """What one step is given besides the folders of this machine."""

    network: bool = False
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    files: tuple[str, ...] = ()
    """Files that are mounted, read-only, each at its own path."""


def access(spec: Spec, step: str) -> Access:
    """Returns what a step needs of the world: nothing, unless its data or its models are in a store or on the web."""
    stores = [store for scheme in sorted(set(_schemes(spec, step))) if (store := _reached(scheme))]
    if not stores:
        return Access()
    names = (*ANYWHERE, *(name for store in stores for name in store.VARIABLES))
    environment = {name: os.environ[name] for name in names if os.environ.get(name)}
    usual = {name: path for store in stores for name, path in store.FILES.items()} | dict.fromkeys(CERTIFICATES)
    for name, path in usual.items():
        file = Path(os.path.abspath(Path(os.environ.get(name) or path or "/").expanduser()))  # noqa: PTH100
        if file.is_file():
            environment[name] = str(file)
    return Access(True, environment, tuple(sorted({environment[name] for name in usual if name in environment})))


def _reached(scheme: str) -> Any:
    """Returns the module of a store that a container reaches by variables and files of this machine, or None."""
    store = STORES.load(scheme) if scheme in STORES else None
    return store if hasattr(store, "VARIABLES") else None


def refuse_what_none_reaches(spec: Spec) -> None:
    """Raises UsageError for places that a container on this machine does not reach."""
    for name in spec.push.servers if spec.push is not None else ():
        raise UsageError(
            f"push.{name}: containers started with --docker reach no cluster. "
            f"Leave out --docker, or the rollout with `--set push.{name}=null`."
        )
    for key, paths in _places(spec).items():
        for path in paths:
            scheme = scheme_of(path)
            if scheme not in ("", "file") and _reached(scheme) is None:
                raise UsageError(
                    f"{key}: containers started with --docker do not reach '{path}': {scheme}:// needs what is installed "
                    f"and configured on this machine. Leave out --docker, or give another place with `--set {key}=...`."
                )


def _places(spec: Spec) -> dict[str, list[str]]:
    places = {
        f"data.sources.{name}": [source.path] if isinstance(source.path, str) else list(source.path)
        for name, source in spec.data.sources.items()
    }
    places |= {".".join(map(str, keys)): [path] for keys, path in weights(spec)}
    return places | ({"push.to": [spec.push.to]} if spec.push is not None else {})


def _schemes(spec: Spec, step: str) -> Iterator[str]:
    reached = reaches(spec, step)
    for key, paths in _places(spec).items():
        world: World = "models" if key == "push.to" else "weights" if key.startswith("features.") else "sources"
        if world in reached:
            yield from map(scheme_of, paths)
