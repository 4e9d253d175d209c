"""Tokens that somebody else has got: in an environment variable, in a file, or those of a pod's service account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stellwerk.errors import UsageError
from stellwerk.pipelines.kubeflow.submission.credentials import Bearer

POD_TOKEN = "/var/run/secrets/kubeflow/pipelines/token"  # noqa: S105 - a path
"""Where Kubeflow projects the token of a pod's service account, unless `KF_PIPELINES_SA_TOKEN_PATH` says otherwise."""


def variable(name: str, environment: Mapping[str, str], what: str) -> str:
    """Returns a secret that is in the environment. Raises UsageError when it is not there."""
    value = environment.get(name, "").strip()
    if not value:
        raise UsageError(f"${name} should hold {what}, and is not set. Set it and export it.")
    return value


def text_of(path: Path, what: str) -> str:
    """Returns a secret that is in a file. Raises UsageError when it cannot be read, or is empty."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise UsageError(f"{path}: {what} cannot be read: {reason}.") from None
    if not text:
        raise UsageError(f"{path}: should hold {what}, and is empty.")
    return text


@dataclass
class VariableToken(Bearer):
    """A token in an environment variable, which is known by its name."""

    name: str
    value: str = field(repr=False)

    @property
    def where(self) -> str:  # noqa: D102 - as Credentials says
        return f"the token in ${self.name}"

    def token(self) -> str:  # noqa: D102
        return self.value

    def renew(self) -> bool:  # noqa: D102
        return False

    @classmethod
    def read(cls, name: str, environment: Mapping[str, str]) -> VariableToken:
        """Takes the token from the environment. Raises UsageError when it is not there."""
        return cls(name, variable(name, environment, "the token for Kubeflow"))


@dataclass
class FileToken(Bearer):
    """A token in a file, read for every request: the kubelet, or somebody else, renews it."""

    path: Path
    last: str = field(default="", repr=False)

    @property
    def where(self) -> str:  # noqa: D102
        return f"the token in {self.path}"

    def token(self) -> str:  # noqa: D102
        self.last = text_of(self.path, "the token for Kubeflow")
        return self.last

    def renew(self) -> bool:  # noqa: D102
        refused = self.last
        return self.token() != refused


def pod_credentials(environment: Mapping[str, str]) -> FileToken | None:
    """Returns the token of the service account where this process is in a pod that has one for Kubeflow."""
    path = Path(environment.get("KF_PIPELINES_SA_TOKEN_PATH") or POD_TOKEN)
    return FileToken(path) if path.exists() else None
