"""Imports the KFP SDK for describing pipelines, which takes a tenth of a second.

`import kfp` alone also imports its client with all of the Kubernetes API, five times as long. The SDK leaves that out where
a component runs; here it is left out until somebody asks for it.
"""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType
from typing import Any

_LATER = {"Client": "kfp.client", "components": "kfp.components"}
_AT_RUN_TIME = "_KFP_RUNTIME"


def _later(name: str) -> Any:
    """Gives `kfp.Client` and `kfp.components` to those who use them after all."""
    if name not in _LATER:
        raise AttributeError(f"module 'kfp' has no attribute '{name}'")
    module = importlib.import_module(_LATER[name])
    return getattr(module, name, module)


def _import_without_client() -> None:
    before = os.environ.get(_AT_RUN_TIME)
    os.environ[_AT_RUN_TIME] = "true"
    try:
        kfp = importlib.import_module("kfp")
    finally:
        del os.environ[_AT_RUN_TIME]
        if before is not None:
            os.environ[_AT_RUN_TIME] = before
    kfp.__dict__["__getattr__"] = _later


class _Later(ModuleType):
    """A module that is imported when something is asked of it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self.__name__), name)


def kubernetes() -> ModuleType:
    """Returns `kfp.kubernetes`, what a task may be told about its pod, in a tenth of the time that importing it takes.

    One of its functions checks its arguments with the Kubernetes client, which is therefore imported with all of it; here
    that client is left out until the function is called.
    """
    if "kfp.kubernetes" in sys.modules or "kubernetes" in sys.modules:
        return importlib.import_module("kfp.kubernetes")
    client = ModuleType("kubernetes")
    client.__dict__["client"] = _Later("kubernetes.client")
    sys.modules["kubernetes"] = client
    try:
        return importlib.import_module("kfp.kubernetes")
    finally:
        del sys.modules["kubernetes"]


if "kfp" not in sys.modules:
    _import_without_client()

from kfp import compiler, dsl  # noqa: E402 - after the light import
from kfp.pipeline_spec import pipeline_spec_pb2  # noqa: E402

__all__ = ["compiler", "dsl", "kubernetes", "pipeline_spec_pb2"]
