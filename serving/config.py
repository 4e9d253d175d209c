"""Which models a server serves: from the command line, or from a `models.config` as TensorFlow Serving reads it.

    model_config_list {
      config {
        name: "flights"
        base_path: "/models/flights"
        model_platform: "tensorflow"
        model_version_policy { specific { versions: 3 versions: 4 } }
        version_labels { key: "stable" value: 3 }
        version_labels { key: "canary" value: 4 }
      }
    }

Base paths are absolute folders: a relative one would mean something else wherever the server is started, and TensorFlow
Serving refuses it too.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2 as protos

from stellwerk.errors import UsageError
from stellwerk.serving.errors import Code, ServingError

PLATFORM = "tensorflow"
"""The only `model_platform` there is."""

_NAME = re.compile(r"[^/:\x00-\x1f\x7f]{1,255}")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True)
class VersionPolicy:
    """Which of the versions that are there are served: those of `specific`, or the newest `latest`, or with None all."""

    latest: int | None = 1
    specific: tuple[int, ...] | None = None

    def choose(self, numbers: Collection[int]) -> list[int]:
        """Returns the versions to serve of those that are there, the newest first."""
        newest = sorted(numbers, reverse=True)
        if self.specific is not None:
            return [number for number in newest if number in self.specific]
        return newest[: self.latest]


LATEST = VersionPolicy()
"""The newest version: TensorFlow Serving's default."""

ALL = VersionPolicy(latest=None)
"""Every version that is there."""


@dataclass(frozen=True)
class ModelConfig:
    """One model: its name in requests, the folder of its version folders, the versions to serve, labels of versions.

    Raises INVALID_ARGUMENT for a name that no URL can carry, and for a relative base path.
    """

    name: str
    base_path: Path
    policy: VersionPolicy = LATEST
    labels: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name in {".", ".."}:
            raise _refused(
                f"Illegal model name {self.name!r:.80}: a name is 1 to 255 characters, and none of them is '/', ':' or a "
                "control character."
            )
        if not self.base_path.is_absolute():
            raise _refused(
                f"Expected model {self.name} to have an absolute path or URI; got base_path()={self.base_path}"
            )


def one_model(base_path: Path, name: str, policy: VersionPolicy = LATEST) -> tuple[ModelConfig]:
    """Returns the configs of a server with one model. `base_path` may be relative here, or be a SavedModel itself."""
    return (ModelConfig(name, base_path.absolute(), policy),)


def read(path: Path) -> tuple[ModelConfig, ...]:
    """Reads a `models.config`; raises UsageError with the file, the place and what to do where it cannot be used."""
    try:
        config = text_format.Parse(path.read_text(encoding="utf-8"), protos.ModelServerConfig())
        return from_proto(config)
    except OSError as error:
        raise UsageError(
            f"{path}: {error.strerror}. Name a file in the form of TensorFlow Serving's models.config."
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: this is not a text file: byte {error.start} is not UTF-8.") from error
    except text_format.ParseError as error:
        raise UsageError(f"{path}:{error}. Write it as a ModelServerConfig in protobuf's text form.") from error
    except ServingError as error:
        raise UsageError(f"{path}: {error}") from error


def from_proto(config: Any, below: Sequence[Path] | None = None) -> tuple[ModelConfig, ...]:
    """Turns a ModelServerConfig into configs, with TensorFlow Serving's rules and texts.

    With `below`, every base path must lie in one of these folders (links resolved), else PERMISSION_DENIED: who may ask the
    server to serve something else need not be who may read every file. Raises INVALID_ARGUMENT for what is malformed.
    """
    kind = config.WhichOneof("config")
    if kind == "custom_model_config":
        raise _refused("custom_model_config is not supported: list the models in a model_config_list.")
    models = tuple(_model(one) for one in config.model_config_list.config)
    seen: set[str] = set()
    for model in models:
        if model.name in seen:
            raise _refused(f"Illegal to list model {model.name} multiple times in config list")
        seen.add(model.name)
        _check_place(model, below)
    return models


def places(configs: Iterable[ModelConfig]) -> tuple[Path, ...]:
    """Returns the folders that hold these models: what a server started with them may be asked to serve instead."""
    parents = (config.base_path.resolve() for config in configs)
    return tuple(sorted({base.parent if base.parent != base.parent.parent else base for base in parents}))


def _model(config: Any) -> ModelConfig:
    platform = config.model_platform
    if config.model_type:
        if platform:
            raise _refused(
                "Illegal setting both ModelServerConfig::model_type (deprecated) and ModelServerConfig::model_platform, "
                f"model name is {config.name}"
            )
        if config.model_type != protos.TENSORFLOW:
            raise _refused(f"ModelServerConfig::model_type choice {config.model_type} not supported.")
        platform = PLATFORM
    if not platform:
        raise _refused(
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor ModelServerConfig::model_platform, "
            f"model name is {config.name}"
        )
    if platform != PLATFORM:
        raise _refused(f"Model {config.name} requests unsupported platform {platform}")
    if _URI.match(config.base_path):
        raise _refused(f"Model {config.name} is at {config.base_path}: this server reads folders. Copy or mount it.")
    if "\x00" in config.base_path:
        raise _refused(f"Expected model {config.name} to have an absolute path or URI; got one with a NUL character")
    return ModelConfig(config.name, Path(config.base_path), _policy(config), dict(config.version_labels))


def _policy(config: Any) -> VersionPolicy:
    policy = config.model_version_policy
    kind = policy.WhichOneof("policy_choice")
    if kind == "all":
        return ALL
    if kind == "specific":
        return VersionPolicy(None, tuple(sorted(set(policy.specific.versions))))
    return VersionPolicy(max(policy.latest.num_versions, 1))


def _check_place(model: ModelConfig, below: Sequence[Path] | None) -> None:
    if below is None:
        return
    base = model.base_path.resolve()
    if not any(base.is_relative_to(place) for place in below):
        listed = ", ".join(map(str, below)) or "none"
        raise ServingError(
            Code.PERMISSION_DENIED,
            f"Model {model.name} has a base path outside the folders that this server may serve from: {listed}.",
        )


def _refused(message: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, message)
