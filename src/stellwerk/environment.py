"""The environment that the frameworks find: quiet, and the same results in every process."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import logging
import os
import sys
import warnings
from collections.abc import Iterator

FRAMEWORKS = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
}
"""Read by TensorFlow when it is loaded. oneDNN rounds otherwise than the plain kernels: off, so that a served answer is
the evaluated one."""


UNUSED = ("IPython", "sklearn")
"""Loaded by Keras and TFDV where they are installed, for notebooks and scikit-learn's estimators: a second and 80 MB."""


def prepare() -> None:
    """Sets the environment of this process, before a framework is loaded; what the user has set stays."""
    for name, value in FRAMEWORKS.items():
        os.environ.setdefault(name, value)
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\.")


def load(module: str) -> None:
    """Imports a module without what it would load for uses that a pipeline does not have.

    To others the packages of `UNUSED` are as they were: who imports them later gets them. Raises what the import raises.
    """
    hidden = [name for name in UNUSED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is Python's word for "cannot be imported"
    try:
        importlib.import_module(module)
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


def register_operations() -> bool:
    """Makes the operations of tensorflow-text known to TensorFlow: a graph that has them does not load without. Returns whether it is installed."""
    found = importlib.util.find_spec("tensorflow_text") is not None
    if found:
        importlib.import_module("tensorflow_text")
    return found


@contextlib.contextmanager
def only_errors() -> Iterator[None]:
    """Keeps TensorFlow's warnings from the user where it warns of its own doings: nothing that a user could change."""
    log = logging.getLogger("tensorflow")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)
