"""One jar of a few kilobytes that names others, to start Beam's job server for Flink or Spark from.

    python -m stellwerk.components.beam.thin_jar JAR FOLDER... [--main CLASS]

The job server sends every file of its class path to the cluster with every job: 152 MB to Flink where it was started from Beam's
jars, 3 kB where it was started from this one. The cluster takes the others from where they lie: the same paths on its machines.
"""

from __future__ import annotations

import argparse
import zipfile
from collections.abc import Sequence
from pathlib import Path

FLINK = "org.apache.beam.runners.flink.FlinkJobServerDriver"
_LOCAL = "file://localhost"
"""Java's class loaders open such an address as the file it names. The job server, which looks for what to send, does not, and finds
nothing beside the thin jar: it would follow the usual `file:///`."""
_WIDTH = 72
"""Bytes of a line of a manifest, its end left out; what is longer goes on in the next, behind a space."""


def write_thin_jar(jars: Sequence[Path], path: Path, main: str = FLINK) -> Path:
    """Writes a jar whose class path is `jars`, in their order, and whose main class is `main`; returns `path`."""
    named = " ".join(jar.resolve().as_uri().replace("file://", _LOCAL, 1) for jar in jars)
    lines = ["Manifest-Version: 1.0", f"Main-Class: {main}", f"Class-Path: {named}"]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as jar:
        jar.writestr("META-INF/MANIFEST.MF", "".join(f"{_folded(line)}\r\n" for line in lines))
    return path


def _folded(line: str) -> str:
    folded, rest = line[:_WIDTH], line[_WIDTH:]
    while rest:
        folded, rest = f"{folded}\r\n {rest[: _WIDTH - 1]}", rest[_WIDTH - 1 :]
    return folded


def main() -> None:
    """Writes the jar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jar", type=Path, metavar="JAR", help="the file to write")
    folder = "a folder of jars, at the same path on the machines of the cluster; what is in two is taken from the first"
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help=folder)
    parser.add_argument("--main", default=FLINK, metavar="CLASS", help="main class (default: %(default)s)")
    given = parser.parse_args()
    jars = [sorted(folder.glob("*.jar")) for folder in given.folders]
    for folder, found in zip(given.folders, jars, strict=True):
        if not found:
            parser.error(f"there are no jars in {folder}")
    write_thin_jar([jar for found in jars for jar in found], given.jar, given.main)


if __name__ == "__main__":
    main()
