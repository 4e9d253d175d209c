"""Loads a SavedModel as TensorFlow Serving does: graph and variables into a session, by the tag `serve`.

A model that only loads in Python (`tf.saved_model.load`) may fail in production, so every judgement about a model is made
through this loader.
"""

from __future__ import annotations

import math
import re
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2

from stellwerk.environment import only_errors, register_operations
from stellwerk.errors import ModelError, did_you_mean
from stellwerk.serving.tensors import Array, Tensor, as_input

SIGNATURE = "serving_default"
"""The signature that is asked when none is named."""

_NETWORK = "serve_transformed"
"""The signature of an exported model that is its network alone: it tells how large a row is inside."""

_ROOM, _FEWEST = 16 << 20, 16
"""Bytes of such rows at once, and rows whatever they are: what a network makes of them takes many times their room."""

_PREAMBLE = re.compile(r"Graph execution error:|\d+ root error\(s\) found\.|Detected at node.*")

_NODE = re.compile(r"\{\{(?:function_)?node [^}]*\}\}\s*")
"""Where in the graph it was."""

_ASSERTED = "assertion failed: ["
"""How what a model says itself begins: its words, each part in brackets."""

_UNKNOWN_OPERATION = "Op type not registered"

_INTERNAL_PREFIX = "__saved_model"


class InputError(ModelError):
    """What was asked of a model does not fit its signature."""


@dataclass(frozen=True)
class Signature:
    """One way to ask a model: its inputs and outputs by name, and the definition as TensorFlow stores it."""

    name: str
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]
    definition: Any


class LoadedModel:
    """A SavedModel ready to answer, in a session and a graph of its own: several may be loaded side by side.

    `predict` may be called from several threads. Use as a context manager, or call `close`, to free its memory.
    """

    def __init__(self, path: Path, parallel: bool = True, optimized: bool = True) -> None:
        """Loads the SavedModel in folder `path`.

        `parallel` lets independent parts of the model run at the same time, which is faster for one caller with many rows. For
        many callers it is faster without: each call then runs in its caller's thread. `optimized` has TensorFlow optimise the
        graph first, which takes a quarter of a second for a small model: for few rows it is faster without, and the answers are
        the same but for rounding.
        Raises ModelError when the folder holds no SavedModel, or one that TensorFlow Serving could not load.
        """
        self.path = path
        if not (path / "saved_model.pb").is_file():
            raise ModelError(
                f"{path}: this is not a SavedModel: it has no file saved_model.pb. "
                "Name the folder that a model was exported to (for a pushed model, its version folder)."
            )
        config = tf.compat.v1.ConfigProto(inter_op_parallelism_threads=0 if parallel else -1)
        if not optimized:  # functions are still made one graph, or they would be looked up at every call
            config.graph_options.rewrite_options.disable_meta_optimizer = True
            config.graph_options.optimizer_options.do_function_inlining = True
        register_operations()
        self._session = tf.compat.v1.Session(graph=tf.Graph(), config=config)
        try:
            with only_errors():  # it advises against the session loader: the very loader of TensorFlow Serving
                definition = tf.compat.v1.saved_model.load(self._session, [tf.saved_model.SERVING], str(path))
        except Exception as error:
            self._session.close()
            raise ModelError(
                f"{path}: TensorFlow Serving could not load this SavedModel: {_first_line(error)} {_advice(error)}"
            ) from error
        self.signatures = {
            name: Signature(name, _tensors(signature.inputs), _tensors(signature.outputs), signature)
            for name, signature in sorted(definition.signature_def.items())
            if not name.startswith(_INTERNAL_PREFIX)
        }
        self._most_rows = _most_rows(self.signatures.get(_NETWORK))
        self._callables: dict[str, Callable[..., Sequence[Array]]] = {}
        self._making = threading.Lock()
        self._closed = False

    def __enter__(self) -> LoadedModel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Frees the session; the model does not answer any more."""
        self._closed = True
        self._callables.clear()
        self._session.close()

    @property
    def inputs(self) -> dict[str, Tensor]:
        """The tensors that `serving_default` takes, by name."""
        return self.signature(SIGNATURE).inputs

    def signature(self, name: str) -> Signature:
        """Returns a signature; raises InputError when the model has none of that name."""
        if name not in self.signatures:
            raise InputError(
                f"the model has no signature '{name}'.{did_you_mean(name, self.signatures)} "
                f"It has: {', '.join(self.signatures) or 'none'}."
            )
        return self.signatures[name]

    def predict(self, inputs: Mapping[str, Array], signature: str = SIGNATURE) -> dict[str, Array]:
        """Asks the model: arrays by input name, all with the same first dimension; returns arrays by output name.

        Where a row is large inside the model, as pixels are, it is asked about a few rows at a time. Raises InputError when the
        arrays do not fit the signature, ModelError when the model itself fails.
        """
        arrays = self.fit(inputs, signature)
        rows = len(arrays[0]) if arrays and all(array.ndim for array in arrays) else 0
        if rows <= self._most_rows:
            return self.run(arrays, signature)
        starts = range(0, rows, self._most_rows)
        parts = [self.run([array[at : at + self._most_rows] for array in arrays], signature) for at in starts]
        if any(array.ndim == 0 for array in parts[0].values()) or rows != sum(len(_first(part)) for part in parts):
            return self.run(arrays, signature)
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def fit(self, inputs: Mapping[str, Array], signature: str = SIGNATURE) -> list[Array]:
        """Returns the arrays as `run` takes them: of the signature's types and shapes, in the order of its inputs.

        Raises InputError when they do not fit.
        """
        return _fitting(self.signature(signature), inputs)

    def prepare(self, signature: str = SIGNATURE) -> None:
        """Lets TensorFlow optimise the graph for a signature now, where the first request would wait for it.

        Does nothing where the model has no such signature. Raises ModelError when the graph cannot run.
        """
        if signature not in self.signatures:
            return
        try:
            self._made(self.signatures[signature])
        except (tf.errors.OpError, RuntimeError) as error:
            raise ModelError(f"{self.path}: '{signature}' cannot run: {_first_line(error)}") from error

    def run(self, arrays: Sequence[Array], signature: str = SIGNATURE) -> dict[str, Array]:
        """Asks the model with arrays that fit; raises InputError for values it cannot use, ModelError when it fails."""
        asked = self.signatures[signature]
        try:
            values = self._made(asked)(*arrays)
        except tf.errors.InvalidArgumentError as error:
            raise InputError(f"the model cannot use this input: {_first_line(error)}") from error
        except UnicodeDecodeError as error:  # TensorFlow cannot read its own quote of the bytes
            raise InputError("the model cannot use this input: it holds bytes that the model cannot read.") from error
        except (tf.errors.OpError, RuntimeError) as error:
            how = "does not answer" if self._closed else "failed"
            raise ModelError(f"{self.path}: the model {how}: {_first_line(error)}") from error
        return dict(zip(asked.outputs, values, strict=True))

    def _made(self, signature: Signature) -> Callable[..., Sequence[Array]]:
        """Returns what asks a signature, made at the first request: by one thread, for TensorFlow then optimises the graph."""
        if signature.name not in self._callables:
            with self._making:
                if signature.name not in self._callables:
                    self._callables[signature.name] = self._callable(signature)
        return self._callables[signature.name]

    def _callable(self, signature: Signature) -> Callable[..., Sequence[Array]]:
        """Fixes what is fed and fetched. `Session.run`, and `make_callable` with feeds, work that out anew for each call.

        For a small model that takes two thirds of the time, hence the method of TensorFlow that is not public.
        """
        feeds = [tensor.graph_name for tensor in signature.inputs.values()]
        wanted = [tensor.graph_name for tensor in signature.outputs.values()]
        fetches = list(dict.fromkeys(name for name in wanted if name not in feeds))
        options = config_pb2.CallableOptions(feed=feeds, fetch=fetches)
        make = self._session._make_callable_from_options
        call: Callable[..., Sequence[Array]] = make(options) if fetches else lambda *_: ()
        if fetches == wanted:
            return call

        def with_repeated(*arrays: Array) -> Sequence[Array]:
            values = dict(zip(feeds, arrays, strict=True)) | dict(zip(fetches, call(*arrays), strict=True))
            return [values[name] for name in wanted]

        return with_repeated


def _most_rows(network: Signature | None) -> int:
    """Returns how many rows fit `_ROOM`, by the arrays of several axes that a model's network takes; any number without these."""
    shapes = [(tensor.shape or ())[1:] for tensor in (network.inputs.values() if network else ())]
    sizes = [tensor.dtype.itemsize for tensor in (network.inputs.values() if network else ())]
    wide = [
        math.prod(size or 1 for size in shape) * bytes_
        for shape, bytes_ in zip(shapes, sizes, strict=True)
        if len(shape) > 1
    ]
    return max(_FEWEST, _ROOM // sum(wide) // _FEWEST * _FEWEST) if wide else sys.maxsize


def _first(arrays: Mapping[str, Array]) -> Array:
    return next(iter(arrays.values()))


def _tensors(infos: Mapping[str, Any]) -> dict[str, Tensor]:
    return {name: _tensor(name, info) for name, info in sorted(infos.items())}


def _tensor(name: str, info: Any) -> Tensor:
    dtype = tf.as_dtype(info.dtype)
    shape = None
    if not info.tensor_shape.unknown_rank:
        shape = tuple(None if dim.size < 0 else int(dim.size) for dim in info.tensor_shape.dim)
    return Tensor(name, dtype.name, np.dtype(dtype.as_numpy_dtype), shape, info.name)


def _fitting(signature: Signature, inputs: Mapping[str, Array]) -> list[Array]:
    if inputs.keys() != signature.inputs.keys():
        missing = [name for name in signature.inputs if name not in inputs]
        unknown = [name for name in inputs if name not in signature.inputs]
        parts = [f"the input '{name}' is missing" for name in missing]
        parts += [f"there is no input '{name}'{did_you_mean(name, missing or signature.inputs)}" for name in unknown]
        raise InputError(f"{'; '.join(parts)}. '{signature.name}' takes: {', '.join(signature.inputs)}.")
    try:
        arrays = [
            value if _fits_already(value := inputs[name], tensor) else as_input(tensor, value)
            for name, tensor in signature.inputs.items()
        ]
    except ValueError as error:
        raise InputError(str(error)) from error
    if len({array.shape[0] for array in arrays if array.shape}) > 1:
        named = zip(signature.inputs, arrays, strict=True)
        listed = ", ".join(f"{name} has {len(array)}" for name, array in named if array.shape)
        raise InputError(f"the inputs have different numbers of rows: {listed}.")
    return arrays


def _fits_already(value: Array, tensor: Tensor) -> bool:
    """Says at little cost that an array is one column of the right type, as nearly all inputs are; False decides nothing."""
    return type(value) is np.ndarray and value.dtype == tensor.dtype and value.ndim == 1 and tensor.shape == (None,)


def _advice(error: Exception) -> str:
    if _UNKNOWN_OPERATION in str(error):
        return "Where its texts are cut into pieces or brought to a normal form, install tensorflow-text: pip install 'stellwerk[text]'."
    return "Export the model again."


def _first_line(error: Exception) -> str:
    """Returns the first line of an error that says what went wrong, as a sentence."""
    lines = [line.strip() for line in str(getattr(error, "message", None) or error).splitlines()]
    telling = [line for line in lines if line and not _PREAMBLE.fullmatch(line)]
    line = _NODE.sub("", telling[0] if telling else type(error).__name__)
    if line.startswith(_ASSERTED):
        line = " ".join(re.findall(r"\[([^\]]*)\]", line))
    line = line[:300]
    return line if line.endswith(".") else f"{line}."
