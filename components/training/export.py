"""The trained network and the transform graph as one SavedModel that takes raw columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from stellwerk.columns import COLUMN_TYPES, ColumnType
from stellwerk.components.artifacts.signatures import sign
from stellwerk.components.forms.base import ModelInput
from stellwerk.components.training.linear import Linear
from stellwerk.components.training.warming import write_warmup
from stellwerk.environment import register_operations
from stellwerk.naming import original, safe
from stellwerk.tasks.heads import CLASSIFY, REGRESS, Head

METHODS = {CLASSIFY: "tensorflow/serving/classify", REGRESS: "tensorflow/serving/regress"}
"""What TensorFlow Serving calls the methods."""

LINEAR = "linear"
"""The output of `with_linear` that is the baseline's."""

Tensors = dict[str, Any]


@dataclass(frozen=True)
class Served:
    """What is exported: the network, and what stands before and behind it."""

    network: Any
    head: Head
    inputs: tuple[ModelInput, ...]
    raw: Mapping[str, str]
    """The raw columns and their types."""
    transform_graph: Path

    def trace(self, linear: Linear | None) -> Traced:
        """Makes the signatures of the network, whatever its weights are; it may be done while they are learned.

        `serving_default` takes each raw column by name, [batch], a list [batch, length]; `serve_examples` takes `examples`, serialised
        tf.Example, [batch], and runs the very same function; `classify` or `regress` takes them as `inputs` and answers as
        TensorFlow Serving's method of that name asks of a signature. `transform` and `serve_transformed` are its two halves: what
        runs elsewhere (LiteRT, ONNX) is made of the second, which has numbers only. `with_linear` gives what `serving_default` gives
        and what the linear baseline says of the same rows: evaluate asks it, so that the transform is done once for both. Of a task without one there is none.
        """
        register_operations()
        loaded = tf.saved_model.load(str(self.transform_graph / "transform_fn"))
        types = {name: COLUMN_TYPES[kind] for name, kind in self.raw.items()}
        columns = {
            name: tf.TensorSpec([None, *one.shape], tf.as_dtype(one.dtype), name=safe(name))
            for name, one in types.items()
        }
        parsing = {name: _parsed(one) for name, one in types.items()}
        seen = {item.name: _spec(item) for item in self.inputs}
        judging, _ = self.head.judgement(tf.zeros([0, self.head.units]))

        transform = _function(self._transform(_transform(loaded)), columns)
        network = _function(lambda inputs: self.network(inputs, training=False), seen)
        predict = _function(lambda columns: self.head.signature(network(transform(columns))), columns)

        parse = _function(lambda examples: tf.io.parse_example(examples, parsing), _texts("examples"))

        def beside(baseline: Linear) -> Any:
            def both(columns: Tensors) -> Tensors:
                inputs = transform(columns)
                return {**_numbers(self.head.signature(network(inputs))), LINEAR: baseline(inputs)}

            return _function(both, columns)

        signatures = {
            "serving_default": predict,
            **({"with_linear": beside(linear)} if linear is not None else {}),
            "serve_examples": _function(lambda examples: predict(parse(examples)), _texts("examples")),
            judging: _function(
                lambda inputs: self.head.judgement(network(transform(parse(inputs))))[1], _texts("inputs")
            ),
            "transform": transform,
            "serve_transformed": _function(lambda inputs: _numbers(self.head.signature(network(inputs))), seen),
        }
        concrete = {name: function.get_concrete_function() for name, function in signatures.items()}
        return Traced(self, linear, loaded, columns, judging, concrete)

    def _transform(self, transform: Callable[[Tensors], Tensors]) -> Callable[[Tensors], Tensors]:
        """Returns a function from raw columns to what the network sees."""

        def transformed(columns: Tensors) -> Tensors:
            values = transform(columns)
            return {item.name: _as_input(item.from_graph(values[item.name]), item) for item in self.inputs}

        return transformed


@dataclass(frozen=True)
class Traced:
    """The signatures, and what they are made of."""

    served: Served
    linear: Linear | None
    """Held, as its weights live as long as it does."""
    transform: Any
    """The transform graph's SavedModel, loaded."""
    columns: Mapping[str, tf.TensorSpec]
    judging: str
    signatures: Mapping[str, Any]

    def export(self, folder: Path) -> dict[str, Any]:
        """Writes the SavedModel with the weights as they are now to `folder` and returns its outputs: dtype and shape by name.

        It holds the signatures, the variables and tables they use, and nothing else: TensorFlow Serving does not load what
        `tf.saved_model.save` makes of a Keras model, and what `keras.export.ExportArchive` makes of it takes half as long again.
        """
        tables = [*_resources(self.transform), *_resources(self.served.network)]
        content = tf.train.Checkpoint(variables=self._variables(), resources=tables)
        tf.saved_model.save(content, str(folder), signatures=dict(self.signatures))
        sign(folder, {self.judging: METHODS[self.judging]})
        write_warmup(folder, self.served.transform_graph, self.columns, self.judging)
        outputs = self.signatures["serving_default"].structured_outputs
        return {name: {"dtype": value.dtype.name, "shape": value.shape.as_list()} for name, value in outputs.items()}

    def _variables(self) -> list[Any]:
        """Returns the variables that the signatures use, in the order of the network's."""
        used = {id(variable): variable for traced in self.signatures.values() for variable in traced.variables}
        places = {id(variable.value): place for place, variable in enumerate(self.served.network.variables)}
        return [used[key] for key in sorted(used, key=lambda key: (places.get(key, len(places)), used[key].name))]


def _function(work: Callable[..., Any], *signature: Any) -> Any:
    return tf.function(work, input_signature=signature, autograph=False)


def _parsed(known: ColumnType) -> tf.io.FixedLenFeature:
    missing = np.full(known.shape, known.missing, np.float32) if known.length else known.missing
    return tf.io.FixedLenFeature(known.shape, tf.as_dtype(known.dtype), missing)


def _texts(name: str) -> tf.TensorSpec:
    return tf.TensorSpec([None], tf.string, name=name)


def _numbers(outputs: Tensors) -> Tensors:
    """Leaves out the names of the classes."""
    return {name: value for name, value in outputs.items() if value.dtype.is_floating}


def _resources(root: Any) -> list[Any]:
    """Returns the lookup tables and the like that belong to `root`."""
    parts = tf.train.TrackableView(root).descendants()
    return [part for part in parts if isinstance(part, tf.saved_model.experimental.TrackableResource)]


def _transform(loaded: Any) -> Callable[[Tensors], Tensors]:
    """Returns TFT's saved function without the columns that are absent at serving: those of the label.

    TFT's own layer does the same, but it is a tf_keras model, whose saving alone takes two seconds.
    """
    function = loaded.transform_fn
    function = function.concrete_functions[0] if hasattr(function, "concrete_functions") else function
    (specs,), _ = function.structured_input_signature

    def transform(columns: Tensors) -> Tensors:
        rows = tf.shape(next(iter(columns.values())))[:1]
        given = {safe(name): tensor for name, tensor in columns.items()}
        absent = {
            name: tf.zeros(tf.concat([rows, spec.shape[1:]], 0), spec.dtype)
            for name, spec in specs.items()
            if name not in given
        }
        transformed = function(*(tf.nest.flatten({**given, **absent})))
        return {original(name): tensor for name, tensor in transformed.items()}

    return transform


def _spec(item: ModelInput) -> tf.TensorSpec:
    return tf.TensorSpec([None, *item.shape], item.dtype, name=safe(item.name))


def _as_input(tensor: tf.Tensor, item: ModelInput) -> tf.Tensor:
    tensor = tf.cast(tensor, _spec(item).dtype)
    if tensor.shape.rank is not None and tensor.shape[1:] == item.shape:
        return tensor  # an operation for each of many columns is what tracing and saving take their time for
    return tf.reshape(tensor, [-1, *item.shape])
