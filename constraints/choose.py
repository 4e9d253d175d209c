"""Prints the stack for the Python that runs this, or says in one sentence why it cannot install one.

Run before anything is installed, and by Pythons that are too old: so no syntax newer than 3.6.
"""

import platform
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

OLDEST, NEWEST, CURRENT_FROM = (3, 11), (3, 13), (3, 12)
NEEDED_GLIBC = (2, 39)


def problem():
    """Returns why this Python on this machine can get no stack, or None."""
    mine = sys.version_info[:2]
    me = f"{sys.executable} (Python {mine[0]}.{mine[1]})"
    libc, version = platform.libc_ver()
    if not OLDEST <= mine <= NEWEST:
        return (
            f"Stellwerk runs on Python 3.11, 3.12 and 3.13, not on {me}: name one, as in 'make demo PYTHON=python3.11'."
        )
    if sys.platform != "linux" or platform.machine() != "x86_64" or libc != "glibc":
        return (
            "TensorFlow Data Validation has wheels for Linux on x86-64 with glibc only, and this is "
            f"{sys.platform} on {platform.machine()} with {libc or 'another C library'}."
        )
    if mine >= CURRENT_FROM and tuple(int(part) for part in version.split(".")[:2]) < NEEDED_GLIBC:
        return (
            "TensorFlow Data Validation for Python 3.12 and later needs glibc 2.39 (Debian 13, Ubuntu 24.04), and this "
            f"machine has {version}: use Python 3.11, as in 'make demo PYTHON=python3.11'."
        )
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        return (
            f"TensorFlow Data Validation needs a package that is compiled here, and {me} has no Python.h: "
            "on Debian and Ubuntu 'apt-get install python3-dev' brings it."
        )
    if find_spec("ensurepip") is None:
        return f"{me} cannot make virtual environments: on Debian and Ubuntu 'apt-get install python3-venv' adds that."
    return None


if __name__ == "__main__":
    trouble = problem()
    if trouble:
        sys.exit(trouble)
    sys.stdout.write("current\n" if sys.version_info[:2] >= CURRENT_FROM else "older\n")
