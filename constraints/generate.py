"""Writes the exact versions of every package for each stack, from the ranges in setup.py. Run by `make constraints`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

STACKS = {
    "older": ("x86_64-manylinux_2_28", ["3.11"]),
    "current": ("x86_64-manylinux_2_39", ["3.12", "3.13"]),
}
"""For each file: the oldest Linux its wheels must run on, and its Python versions."""


def resolve(python: str, platform: str) -> dict[str, str]:
    """Returns the version of every package that a full install on this Python brings."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "--all-extras", "--quiet", "--no-header"]
    options = ["--no-annotate", "--python-version", python, "--python-platform", platform]
    done = subprocess.run(  # noqa: S603 (the arguments are this file's own)
        [*command, *options], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    pins = (line.split("==") for line in done.stdout.splitlines() if "==" in line)
    return {name.split("[")[0].strip(): version.strip() for name, version in pins}


def merge(resolved: dict[str, dict[str, str]]) -> list[str]:
    """Writes one line for a version that all Pythons of a stack share, else one a Python, with its marker."""
    lines = []
    for name in sorted({name for pins in resolved.values() for name in pins}):
        versions = {pins.get(name) for pins in resolved.values()}
        if len(versions) == 1:
            lines.append(f"{name}=={versions.pop()}")
            continue
        lines += [
            f'{name}=={pins[name]}; python_version == "{python}"' for python, pins in resolved.items() if name in pins
        ]
    return lines


def main() -> None:
    """Writes one file a stack beside this script."""
    for stack, (platform, pythons) in STACKS.items():
        lines = merge({python: resolve(python, platform) for python in pythons})
        title = (
            f"# Made by `make constraints` from setup.py: all extras on Python {' and '.join(pythons)}. Do not edit."
        )
        (ROOT / "constraints" / f"{stack}.txt").write_text("\n".join([title, *lines, ""]))
        sys.stdout.write(f"constraints/{stack}.txt: {len(lines)} packages\n")


if __name__ == "__main__":
    main()
