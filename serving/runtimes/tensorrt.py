"""TensorRT, on an NVIDIA GPU: an engine answers on the kind of GPU, and with the TensorRT, that it was built with."""

from __future__ import annotations

import importlib
import threading
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stellwerk.errors import ModelError

Array = np.ndarray[Any, Any]


def load(file: Path) -> Any:
    """Returns an engine as a function of inputs by name, any number of rows. Raises ModelError where it does not fit."""
    return Engine(importlib.import_module("tensorrt"), importlib.import_module("cuda.bindings.runtime"), file)


class Engine:
    """An engine on the GPU, with room there for what it takes and gives; one thread is answered at a time."""

    def __init__(self, library: Any, cuda: Any, file: Path) -> None:
        self._cuda = cuda
        self._runtime = library.Runtime(library.Logger(library.Logger.ERROR))
        self._engine = self._runtime.deserialize_cuda_engine(file.read_bytes())
        if self._engine is None:
            raise ModelError(f"it was built by another TensorRT than {library.__version__}, or for another kind of GPU")
        self._context = self._engine.create_execution_context()
        names = [self._engine.get_tensor_name(place) for place in range(self._engine.num_io_tensors)]
        taken = [name for name in names if self._engine.get_tensor_mode(name) == library.TensorIOMode.INPUT]
        self._outputs = {
            name: np.dtype(library.nptype(self._engine.get_tensor_dtype(name))) for name in names if name not in taken
        }
        self._most = int(self._engine.get_tensor_profile_shape(taken[0], 0)[2][0])
        self._asking = threading.Lock()
        self._room: dict[str, tuple[int, int]] = {}
        weakref.finalize(self, _free, cuda, self._room)

    def __call__(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Answers for inputs by name, [rows, ...]; more rows than the engine takes at once one part after the other."""
        with self._asking:
            parts = list(self._answers(inputs))
        return {name: np.concatenate([part[name] for part in parts]) for name in self._outputs}

    def _answers(self, inputs: Mapping[str, Array]) -> Iterator[dict[str, Array]]:
        rows = len(next(iter(inputs.values())))
        for start in range(0, rows, self._most):
            yield self._answer({name: values[start : start + self._most] for name, values in inputs.items()})

    def _answer(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        kinds = self._cuda.cudaMemcpyKind
        for name, values in inputs.items():
            given = np.ascontiguousarray(values)
            self._context.set_input_shape(name, given.shape)
            self._copy(self._address(name, given), given.ctypes.data, given, kinds.cudaMemcpyHostToDevice)
        answers = {
            name: np.empty(tuple(self._context.get_tensor_shape(name)), dtype) for name, dtype in self._outputs.items()
        }
        addresses = {name: self._address(name, answer) for name, answer in answers.items()}
        if not self._context.execute_async_v3(0):
            raise ModelError("TensorRT could not run the engine")
        _checked(self._cuda.cudaDeviceSynchronize())
        for name, answer in answers.items():
            self._copy(answer.ctypes.data, addresses[name], answer, kinds.cudaMemcpyDeviceToHost)
        return answers

    def _copy(self, to: int, source: int, array: Array, kind: Any) -> None:
        _checked(self._cuda.cudaMemcpy(to, source, array.nbytes, kind))

    def _address(self, name: str, array: Array) -> int:
        """Returns where a tensor lies on the GPU, with room for the array."""
        address, size = self._room.get(name, (0, 0))
        if size < array.nbytes:
            if address:
                del self._room[name]
                _checked(self._cuda.cudaFree(address))
            (address,) = _checked(self._cuda.cudaMalloc(array.nbytes))
            self._room[name] = (int(address), array.nbytes)
        self._context.set_tensor_address(name, int(address))
        return int(address)


def _checked(result: tuple[Any, ...]) -> tuple[Any, ...]:
    status, *values = result
    if int(status):
        raise ModelError(f"CUDA: {status.name}")
    return tuple(values)


def _free(cuda: Any, room: dict[str, tuple[int, int]]) -> None:
    for address, _ in room.values():
        cuda.cudaFree(address)
