"""What TFX asks its users to write: preprocessing, input pipeline, model, export. The same job as `taxi.yaml`."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
from tfx import v1 as tfx
from tfx_bsl.public import tfxio

NUMBERS = ["trip_miles", "fare", "trip_seconds"]
BUCKETS = ["pickup_latitude", "pickup_longitude", "dropoff_latitude", "dropoff_longitude"]
TEXTS = ["payment_type", "company"]
CODES = [
    "trip_start_hour",
    "trip_start_day",
    "trip_start_month",
    "pickup_community_area",
    "dropoff_community_area",
]
VOCABULARY = 1000
BUCKET_COUNT = 10
BATCH = 512


def _dense(value: Any, default: Any) -> Any:
    if isinstance(value, tf.SparseTensor):
        value = tf.sparse.to_dense(
            tf.SparseTensor(value.indices, value.values, [value.dense_shape[0], 1]), default_value=default
        )
    return tf.squeeze(value, axis=1)


def preprocessing_fn(inputs: dict[str, Any]) -> dict[str, Any]:
    outputs = {}
    for name in NUMBERS:
        outputs[f"{name}_xf"] = tft.scale_to_z_score(tf.cast(_dense(inputs[name], 0), tf.float32))
    for name in BUCKETS:
        outputs[f"{name}_xf"] = tft.bucketize(tf.cast(_dense(inputs[name], 0.0), tf.float32), BUCKET_COUNT)
    for name in TEXTS:
        outputs[f"{name}_xf"] = tft.compute_and_apply_vocabulary(
            _dense(inputs[name], ""), top_k=VOCABULARY, num_oov_buckets=1, vocab_filename=name
        )
    for name in CODES:
        outputs[f"{name}_xf"] = tft.compute_and_apply_vocabulary(
            _dense(inputs[name], -1), top_k=VOCABULARY, num_oov_buckets=1, vocab_filename=name
        )
    fare, tips = _dense(inputs["fare"], 0.0), _dense(inputs["tips"], 0.0)
    outputs["big_tip"] = tf.cast(tips > 0.2 * fare, tf.int64)
    return outputs


def _input_fn(files: list[str], accessor: Any, transformed: Any, batch: int) -> Any:
    options = tfxio.TensorFlowDatasetOptions(batch_size=batch, label_key="big_tip")
    return accessor.tf_dataset_factory(files, options, transformed.transformed_metadata.schema).repeat()


def _model(transformed: Any) -> Any:
    inputs, deep, wide = {}, [], []
    for name in NUMBERS:
        inputs[f"{name}_xf"] = tf.keras.layers.Input(shape=(1,), name=f"{name}_xf")
        deep.append(inputs[f"{name}_xf"])
    sizes = dict.fromkeys(BUCKETS, BUCKET_COUNT)
    sizes |= {name: transformed.vocabulary_size_by_name(name) + 1 for name in TEXTS + CODES}
    for name, size in sizes.items():
        key = f"{name}_xf"
        inputs[key] = tf.keras.layers.Input(shape=(1,), name=key, dtype="int64")
        width = min(64, round(2 * size**0.25 + 0.5))
        deep.append(tf.keras.layers.Flatten()(tf.keras.layers.Embedding(size, width)(inputs[key])))
        wide.append(tf.keras.layers.Flatten()(tf.keras.layers.Embedding(size, 1)(inputs[key])))
    hidden = tf.keras.layers.concatenate(deep)
    for units in (128, 64):
        hidden = tf.keras.layers.Dense(units, activation="relu")(hidden)
    both = tf.keras.layers.concatenate([hidden, *wide])
    model = tf.keras.Model(inputs, tf.keras.layers.Dense(1, activation="sigmoid")(both))
    model.compile(
        optimizer=tf.keras.optimizers.Adam(0.001),
        loss="binary_crossentropy",
        metrics=[tf.keras.metrics.AUC(name="auc"), "accuracy"],
    )
    return model


def run_fn(fn_args: Any) -> None:
    transformed = tft.TFTransformOutput(fn_args.transform_output)
    train = _input_fn(fn_args.train_files, fn_args.data_accessor, transformed, BATCH)
    evaluation = _input_fn(fn_args.eval_files, fn_args.data_accessor, transformed, BATCH)
    model = _model(transformed)
    model.fit(
        train,
        steps_per_epoch=fn_args.train_steps,
        validation_data=evaluation,
        validation_steps=fn_args.eval_steps,
        epochs=1,
        verbose=2,
    )
    model.tft_layer = transformed.transform_features_layer()

    @tf.function(input_signature=[tf.TensorSpec(shape=[None], dtype=tf.string, name="examples")])
    def serve(serialized: Any) -> Any:
        spec = transformed.raw_feature_spec()
        spec.pop("tips")
        return {"outputs": model(model.tft_layer(tf.io.parse_example(serialized, spec)))}

    @tf.function(input_signature=[tf.TensorSpec(shape=[None], dtype=tf.string, name="examples")])
    def transform_features(serialized: Any) -> Any:
        return model.tft_layer(tf.io.parse_example(serialized, transformed.raw_feature_spec()))

    archive = {"serving_default": serve, "transform_features": transform_features}
    tf.saved_model.save(model, fn_args.serving_model_dir, signatures=archive)


assert tfx  # the module is imported by TFX itself
