"""Where variants of a model are, and the file beside each that says what it takes."""

from __future__ import annotations

from pathlib import Path

VARIANTS = "variants"
"""Folder in a version of a model: `variants/<format>/`. Model servers do not look at it."""

DESCRIPTION = "variant.json"


PACKAGES = {"tensorrt": "tensorrt-cu12 'cuda-bindings<13'"}
"""What pip has to install for a runtime where it is not in the extra `formats`."""


def packages_of(runtime: str) -> str:
    """Returns what has to be installed to make and run the variants of a runtime, as pip is told."""
    return " ".join(["'stellwerk[formats]'", *([PACKAGES[runtime]] if runtime in PACKAGES else [])])


def variant_folders(model: Path) -> list[Path]:
    """Returns the folders of a model's variants, by name."""
    return sorted(file.parent for file in (model / VARIANTS).glob(f"*/{DESCRIPTION}"))
