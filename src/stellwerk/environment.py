"""The environment that the frameworks find: quiet, and the same results in every process."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator

FRAMEWORKS = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
}
"""Read by TensorFlow when it is loaded. oneDNN rounds otherwise than the plain kernels: off, so that a served answer is
the evaluated one."""


def prepare() -> None:
    """Sets the environment of this process, before a framework is loaded; what the user has set stays."""
    for name, value in FRAMEWORKS.items():
        os.environ.setdefault(name, value)
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\.")


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
