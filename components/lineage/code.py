"""Which code ran: the digest of the package's own Python sources."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

from stellwerk.components.artifacts.folders import file_digest

PACKAGES = ("stellwerk.components", "stellwerk.serving", "stellwerk.spec", "stellwerk.stores")
"""The code that decides what a model is."""


@cache
def package_digest(package: str) -> str:
    """Returns the SHA-256 over the Python sources of a package."""
    root = Path(str(files(package)))
    digest = hashlib.sha256()
    for source in sorted(root.rglob("*.py")):
        digest.update(f"{source.relative_to(root).as_posix()}\0{file_digest(source)}\n".encode())
    return digest.hexdigest()


@cache
def code_digest() -> str:
    """Returns one SHA-256 for all of `PACKAGES`: the same for the same code, wherever it is installed."""
    return hashlib.sha256("\n".join(package_digest(package) for package in PACKAGES).encode()).hexdigest()


def text_digests(texts: Mapping[str, str]) -> dict[str, str]:
    """Returns the SHA-256 of each text: of hook files, by their path in the spec."""
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in sorted(texts.items())}
