"""Prints what `pip install stellwerk[EXTRAS]` would install besides Stellwerk itself, for a layer of the image of its own."""

import runpy
import sys
from pathlib import Path

import setuptools


def requirements(extras):
    """Returns the requirements of setup.py with those of the named extras. Raises KeyError for an extra that it has not."""
    told = {}
    setuptools.setup = told.update
    runpy.run_path(str(Path(__file__).parent.parent / "setup.py"))
    return [*told["install_requires"], *(one for extra in extras for one in told["extras_require"][extra])]


if __name__ == "__main__":
    sys.stdout.write("\n".join(requirements(sys.argv[1].split(","))) + "\n")
