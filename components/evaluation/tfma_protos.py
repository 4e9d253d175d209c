"""TFMA's protos without TFMA: its package imports Beam and all metrics, 5 to 7 s that the standard metrics do not need.

The generated modules `tensorflow_model_analysis.proto.*_pb2` need only protobuf. They are imported under their own names while
shells without code stand in for the two packages above them; the shells and modules are then taken away again, so that a
later `import tensorflow_model_analysis` is the real one. Its descriptors are the same bytes in the same pool, so protobuf gives
both the same classes. Where TFMA is already imported, its own modules are taken.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from google.protobuf import wrappers_pb2

_PACKAGE = "tensorflow_model_analysis"
_MODULES = ("config_pb2", "metrics_for_slice_pb2", "validation_result_pb2")


def _load() -> list[Any]:
    if _PACKAGE in sys.modules:
        return [importlib.import_module(f"{_PACKAGE}.proto.{name}") for name in _MODULES]
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"No module named '{_PACKAGE}'", name=_PACKAGE)
    root = Path(spec.submodule_search_locations[0])
    try:
        for name, folder in ((_PACKAGE, root), (f"{_PACKAGE}.proto", root / "proto")):
            shell = ModuleType(name)
            shell.__path__ = [str(folder)]
            sys.modules[name] = shell
        return [importlib.import_module(f"{_PACKAGE}.proto.{name}") for name in _MODULES]
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == _PACKAGE]:
            del sys.modules[name]


config_pb2, metrics_for_slice_pb2, validation_result_pb2 = _load()

__all__ = ["config_pb2", "metrics_for_slice_pb2", "validation_result_pb2", "wrappers_pb2"]
