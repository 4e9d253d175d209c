"""Where variants of a model are, and the file beside each that says what it takes."""

from __future__ import annotations

from pathlib import Path

VARIANTS = "variants"
"""Folder in a version of a model: `variants/<format>/`. Model servers do not look at it."""

DESCRIPTION = "variant.json"


def variant_folders(model: Path) -> list[Path]:
    """Returns the folders of a model's variants, by name."""
    return sorted(file.parent for file in (model / VARIANTS).glob(f"*/{DESCRIPTION}"))
