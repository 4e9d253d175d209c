"""The trained network and the transform graph as one SavedModel that takes raw columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from stellwerk.components.training.description import ModelInput
from stellwerk.components.training.targets import Head
from stellwerk.components.training.targets.head import CLASSIFY, REGRESS
from stellwerk.components.training.warming import write_warmup

DTYPES = {"float": tf.float32, "int64": tf.int64, "string": tf.string, "binary": tf.string}
"""Dtype of a raw column by its type in `features.json`."""

METHODS = {CLASSIFY: "tensorflow/serving/classify", REGRESS: "tensorflow/serving/regress"}
"""What TensorFlow Serving calls the methods."""

MISSING = {tf.float32: float("nan"), tf.int64: tf.int64.min, tf.string: ""}
"""What stands for a value that is not there."""

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

    def export(self, folder: Path) -> dict[str, Any]:
        """Writes the SavedModel to `folder` and returns its outputs: dtype and shape by name.

        `serving_default` takes each raw column by name, [batch]; `serve_examples` takes `examples`, serialised
        tf.Example, [batch], and runs the very same function; `classify` or `regress` takes them as `inputs` and answers as
        TensorFlow Serving's method of that name asks of a signature. `transform` and `serve_transformed` are its two halves: what
        runs elsewhere (LiteRT, ONNX) is made of the second, which has numbers only. ExportArchive is used because what
        `tf.saved_model.save` makes of a Keras 3 model does not load in TensorFlow Serving.
        """
        loaded = tf.saved_model.load(str(self.transform_graph / "transform_fn"))
        specs = {name: tf.TensorSpec([None], DTYPES[kind], name=name) for name, kind in self.raw.items()}
        parsing = {name: tf.io.FixedLenFeature([], spec.dtype, MISSING[spec.dtype]) for name, spec in specs.items()}
        seen = {item.name: _spec(item) for item in self.inputs}
        transform = tf.function(self._transform(_transform(loaded)), input_signature=[specs], autograph=False)
        predict = tf.function(
            lambda columns: self._answer(transform(columns)), input_signature=[specs], autograph=False
        )

        def predict_examples(examples: tf.Tensor) -> Tensors:
            outputs: Tensors = predict(tf.io.parse_example(examples, parsing))
            return outputs

        def judge(inputs: tf.Tensor) -> Tensors:
            features = transform(tf.io.parse_example(inputs, parsing))
            return self.head.judgement(self.network(features, training=False))[1]

        outputs = predict.get_concrete_function().structured_outputs
        judging, _ = self.head.judgement(tf.zeros([0, self.head.units]))
        archive = keras.export.ExportArchive()
        archive.track(self.network)
        archive.track(loaded)
        archive.add_endpoint("serving_default", predict)
        archive.add_endpoint("serve_examples", predict_examples, [tf.TensorSpec([None], tf.string, name="examples")])
        archive.add_endpoint(judging, judge, [tf.TensorSpec([None], tf.string, name="inputs")])
        archive.add_endpoint("transform", transform)
        archive.add_endpoint("serve_transformed", tf.function(self._numbers, input_signature=[seen], autograph=False))
        archive.write_out(str(folder), verbose=False)
        _name_method(folder, judging)
        write_warmup(folder, self.transform_graph, specs, judging)
        return {name: {"dtype": value.dtype.name, "shape": value.shape.as_list()} for name, value in outputs.items()}

    def _transform(self, transform: Callable[[Tensors], Tensors]) -> Callable[[Tensors], Tensors]:
        """Returns a function from raw columns to what the network sees."""

        def transformed(columns: Tensors) -> Tensors:
            values = transform(columns)
            return {item.name: _as_input(values[item.name], item) for item in self.inputs}

        return transformed

    def _answer(self, inputs: Tensors) -> Tensors:
        return self.head.signature(self.network(inputs, training=False))

    def _numbers(self, inputs: Tensors) -> Tensors:
        """Answers without the names of the classes."""
        return {name: value for name, value in self._answer(inputs).items() if value.dtype.is_floating}


def _transform(loaded: Any) -> Callable[[Tensors], Tensors]:
    """Returns TFT's saved function without the columns that are absent at serving: those of the label.

    TFT's own layer does the same, but it is a tf_keras model, whose saving alone takes two seconds.
    """
    function = loaded.transform_fn
    function = function.concrete_functions[0] if hasattr(function, "concrete_functions") else function
    (specs,), _ = function.structured_input_signature

    def transform(columns: Tensors) -> Tensors:
        rows = tf.shape(next(iter(columns.values())))[:1]
        absent = {name: tf.zeros(rows, spec.dtype) for name, spec in specs.items() if name not in columns}
        transformed: Tensors = function(*(tf.nest.flatten({**columns, **absent})))
        return transformed

    return transform


def _name_method(folder: Path, judging: str) -> None:
    """Says in the SavedModel which of TensorFlow Serving's methods a signature answers: without it Classify is refused.

    Keras and TensorFlow write `predict` for every signature. The fingerprint beside the file is that of the file as it was:
    it goes, as loaders do without.
    """
    updater = tf.compat.v1.saved_model.signature_def_utils.MethodNameUpdater(str(folder))
    updater.replace_method_name(judging, METHODS[judging], tags=tf.saved_model.SERVING)
    updater.save()
    (folder / "fingerprint.pb").unlink(missing_ok=True)


def _spec(item: ModelInput) -> tf.TensorSpec:
    return tf.TensorSpec([None, *item.shape], tf.float32 if item.is_float else tf.int32, name=item.name)


def _as_input(tensor: tf.Tensor, item: ModelInput) -> tf.Tensor:
    return tf.reshape(tf.cast(tensor, _spec(item).dtype), [-1, *item.shape])
