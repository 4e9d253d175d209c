"""Which code ran: the digest of the package's own Python sources."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from stellwerk.components.artifacts.folders import file_digest
from stellwerk.families import installed

SHARED = (
    "stellwerk.columns",
    "stellwerk.encoders",
    "stellwerk.kinds",
    "stellwerk.media",
    "stellwerk.metrics",
    "stellwerk.moments",
    "stellwerk.naming",
    "stellwerk.plugged",
    "stellwerk.section",
    "stellwerk.serving",
    "stellwerk.spec",
    "stellwerk.stores",
    "stellwerk.tables",
    "stellwerk.tasks",
)
"""Outside the steps, what decides what they make (`tests/test_rooms.py`)."""
PACKAGES = ("stellwerk.components", *SHARED)
"""The code that decides what a model is."""


@cache
def package_digest(package: str) -> str:
    """Returns the SHA-256 over the Python sources of a package, or of a module."""
    found = find_spec(package)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"No module named '{package}'", name=package)
    origin = Path(found.origin)
    if found.submodule_search_locations is None:
        return file_digest(origin)
    root, digest = origin.parent, hashlib.sha256()
    for source in sorted(root.rglob("*.py")):
        digest.update(f"{source.relative_to(root).as_posix()}\0{file_digest(source)}\n".encode())
    return digest.hexdigest()


@cache
def code_digest() -> str:
    """Returns one SHA-256 for all of `PACKAGES`: the same for the same code, wherever it is installed."""
    return hashlib.sha256("\n".join(package_digest(package) for package in PACKAGES).encode()).hexdigest()


@cache
def plug_ins_digest() -> str:
    """Returns one SHA-256 for what installed packages bring, their versions and their sources; an empty text where there is nothing."""
    lines = []
    for one in installed():
        try:
            code = package_digest(_whole_package(one.path))
        except Exception as error:  # whoever uses it is told what is wrong with it
            code = type(error).__name__
        lines.append(f"{one.group} {one.name} {one.package} {code}")
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest() if lines else ""


def _whole_package(path: str) -> str:
    """Returns the package that an import path begins with, below namespaces: what an entry point names may use all of it."""
    names = path.partition(":")[0].split(".")
    for depth in range(1, len(names)):
        package = ".".join(names[:depth])
        found = find_spec(package)
        if found is None or found.origin is not None:
            return package
    return ".".join(names)


def text_digests(texts: Mapping[str, str]) -> dict[str, str]:
    """Returns the SHA-256 of each text: of hook files, by their path in the spec."""
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in sorted(texts.items())}
