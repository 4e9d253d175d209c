"""LiteRT: the interpreter that TensorFlow brings, or the newer package of its own where that is installed."""

from __future__ import annotations

import contextlib
import importlib
import warnings
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def load(file: Path) -> Any:
    """Returns the only signature of a flatbuffer as a function of inputs by name, any number of rows.

    The runner of a signature would take the names as arguments of a function, which no input called `self` can be.
    """
    interpreter = _interpreter()(model_content=file.read_bytes())
    runner = interpreter.get_signature_runner()
    taken = {name: about["index"] for name, about in runner.get_input_details().items()}
    given = {name: about["index"] for name, about in runner.get_output_details().items()}

    def answer(inputs: Mapping[str, Array]) -> dict[str, Array]:
        for name, values in inputs.items():
            interpreter.resize_tensor_input(taken[name], values.shape)
        interpreter.allocate_tensors()
        for name, values in inputs.items():
            interpreter.set_tensor(taken[name], values)
        interpreter.invoke()
        return {name: interpreter.get_tensor(place) for name, place in given.items()}

    return answer


def _interpreter() -> Any:
    if find_spec("ai_edge_litert") is not None:
        return importlib.import_module("ai_edge_litert.interpreter").Interpreter
    return _without_advice


def _without_advice(**arguments: Any) -> Any:
    with without_advice():
        return importlib.import_module("tensorflow").lite.Interpreter(**arguments)


@contextlib.contextmanager
def without_advice() -> Iterator[None]:
    """Keeps TensorFlow's advice to install the newer package quiet: its older releases cannot be installed with that.

    It is given wherever an interpreter is made, also by the converter, which makes one to calibrate with.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\s*Warning: tf\.lite\.Interpreter is deprecated")
        yield
