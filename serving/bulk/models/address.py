"""Addresses of served models, `http[s]://host:port/v1/models/NAME` and `grpc[s]://host:port/NAME`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from stellwerk.errors import UsageError
from stellwerk.serving.bulk.options import Options

SCHEMES = ("http", "https", "grpc", "grpcs")
_CHOICE = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?(?::predict)?/?"
_PATHS = {
    "http": re.compile(r"(?P<base>(?:/[^:]*?)?/v1/models/)(?P<name>[^/:]+)" + _CHOICE),
    "grpc": re.compile(r"(?P<base>/)(?P<name>[^/:]+)" + _CHOICE),
}
_PORTS = {"http": 80, "https": 443, "grpc": 8500, "grpcs": 8500}


@dataclass(frozen=True)
class Address:
    """A model on a server, and which version of it is meant; neither version nor label is the newest."""

    scheme: str
    host: str
    port: int
    base: str
    name: str
    version: int | None
    label: str | None

    @property
    def secure(self) -> bool:
        """Whether the connection is encrypted."""
        return self.scheme.endswith("s")

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}{self.base}{self.name}"


def is_address(model: str) -> bool:
    """Says whether a model is on a server."""
    return "://" in model


def parse(model: str, options: Options) -> Address:
    """Reads an address. Raises UsageError with an example when it is none."""
    try:
        parts = urlsplit(model)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"the address of the model: {error}.") from None
    match = _PATHS[parts.scheme[:4]].fullmatch(parts.path) if parts.scheme in SCHEMES else None
    if match is None or not parts.hostname or parts.username is not None or parts.query:
        shown = model if parts.username is None else f"{parts.scheme}://...@{parts.hostname}{parts.path}"
        raise UsageError(
            f"{shown}: this is not the address of a served model. Write http://HOST:8501/v1/models/NAME or "
            "grpc://HOST:8500/NAME (https and grpcs for TLS); tokens go into a file, see --token-file."
        )
    version = int(match["version"]) if match["version"] else options.version
    if options.version not in (None, version):
        raise UsageError(f"the address names version {version}, and --version {options.version}. Name one of them.")
    if not parts.scheme.endswith("s") and (options.connection.ca or options.connection.cert):
        raise UsageError(f"--ca and --cert are for TLS. Write {parts.scheme}s:// at the beginning of the address.")
    name = unquote(match["name"])
    return Address(
        parts.scheme,
        parts.hostname,
        port or _PORTS[parts.scheme],
        match["base"],
        name,
        version,
        None if version is not None else match["label"],
    )
