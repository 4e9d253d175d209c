"""The train step: learns a Keras model from the transformed examples and exports it with the transform inside."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from stellwerk.columns import COLUMN_TYPES, ColumnType
from stellwerk.components.artifacts.examples import Examples
from stellwerk.components.artifacts.folders import folder_digest, write_json, written_aside
from stellwerk.components.training.checkpoint import Checkpoint
from stellwerk.components.training.description import Description
from stellwerk.components.training.encoders.finding import with_cost_of_encoders
from stellwerk.components.training.export import LINEAR, Served
from stellwerk.components.training.fitting import Fitting, Network
from stellwerk.components.training.history import write_history
from stellwerk.components.training.labels import class_weights, measure_labels
from stellwerk.components.training.last_layer import complete
from stellwerk.components.training.linear import Linear
from stellwerk.components.training.loops.base import Course
from stellwerk.components.training.loops.finding import looping
from stellwerk.components.training.mixing import mix
from stellwerk.components.training.networks.body import Body, Inputs
from stellwerk.components.training.networks.builders import builder
from stellwerk.components.training.networks.cost import Cost
from stellwerk.components.training.optimizers import make_optimizer
from stellwerk.components.training.pace import Paced, paced
from stellwerk.components.training.packing import Matrix, Packing
from stellwerk.components.training.passing import Passes
from stellwerk.components.training.reading import Reader
from stellwerk.components.training.rebalancing import Rebalanced
from stellwerk.components.training.threads import cores_of_an_operation, parts_of_a_batch, use_cores
from stellwerk.components.training.weights import with_weights
from stellwerk.encoders.choosing import Encoding
from stellwerk.errors import StepFailed
from stellwerk.progress import Progress, silent
from stellwerk.spec.model import Model
from stellwerk.spec.target import Target
from stellwerk.spec.train import Train, is_hook
from stellwerk.tasks import TASKS
from stellwerk.tasks.heads import Head
from stellwerk.tasks.labels import Labels
from stellwerk.tasks.parts import HeadPart, LabelPart

LIBRARIES = ("stellwerk", "tensorflow", "keras", "tensorflow-transform", "numpy", "pyarrow")
"""Whose versions are written into the model."""


def train(
    *,
    architecture: Model,
    training: Train,
    target: Target,
    hooks: dict[str, str],
    transformed: Path | str,
    transform_graph: Path,
    model: Path,
    history: Path,
    progress: Progress = silent,
    scratch: Path | None = None,
    kept: Path | None = None,
    directory: Path | None = None,
    encoding: dict[str, Encoding] | None = None,
) -> None:
    """Writes the Model (a SavedModel that takes raw columns) and the History.

    The same inputs and seed give the same weights on the same machine, also when a killed attempt is taken up again
    from `scratch`. Weights that an encoder begins with are found from `directory`; copies of those at URIs are below `kept`.
    Raises DataError for labels that cannot be learned and weights that are not those of the spec, HookError for a `model.build` or a `train.loop` that misbehaves,
    StepFailed when the loss is no finite number.
    """
    examples, seen = Examples.open(transformed), Description.read(transform_graph)
    seen = seen.encoded_by(with_weights(encoding or {}, directory, kept))
    labels = measure_labels(examples, target, seen.label, seen.classes)
    rebalanced = Rebalanced.of(labels, training.rebalance)
    rows = rebalanced.rows if rebalanced else examples.rows("train")
    pace = paced(training, rows)
    makes_loop = looping(pace.loop, hooks)
    cost = cost_of(architecture, seen, rows) if makes_loop.SHARES_BATCHES else None
    parts = parts_of_a_batch(cost, pace, rows)
    use_cores(cores_of_an_operation(cost, pace, parts))
    keras.utils.set_random_seed(pace.seed % 2**32)
    part: HeadPart = TASKS.part(target.type, "head")
    weights = class_weights(labels, pace, target, seen.classes)
    head = part.HEAD(rebalanced.labels if rebalanced else labels, weights, seen.classes)
    if pace.loss is not None:
        head = _focused(head, pace.loss.gamma, target)
    evenly = weights * rebalanced.weights if rebalanced else weights
    label_shape = COLUMN_TYPES[examples.columns[seen.label]].shape
    packing = Packing(seen.inputs, seen.label, target.about.whole_label, label_shape)
    reader = Reader(examples, packing, pace.batch_size, rebalanced=rebalanced)
    sample = reader.sample("train")
    network = build_network(architecture, seen, head, hooks, packing.numbers(sample))
    optimizer = make_optimizer(pace.optimizer, reader.steps("train") * pace.epochs, network.learns.trainable_variables)
    judging = head if is_hook(pace.loop) else replace(head, weights=evenly)
    fitting = Fitting(network, optimizer, head, packing, pace.batch_size, parts, judging)
    settings = _settings(architecture, encoding or {}, pace)
    transform_digest = folder_digest(transform_graph)
    checkpoint = Checkpoint(scratch, _fingerprint(settings, target, hooks, examples.version, transform_digest))
    passes = Passes(fitting, head, reader, pace.optimizer.learning_rate)
    loop = makes_loop.loop(Course(pace, network, optimizer, passes, checkpoint, progress))
    served = Served(network.answers, head, seen.inputs, seen.raw, transform_graph)
    with ThreadPoolExecutor(1, thread_name_prefix="export") as beside:
        loop.prepare()  # before the other thread traces the same layers
        has_linear = LINEAR in target.about.baselines
        fit = partial(Linear.fit, sample, packing, target, labels, evenly)
        tracing = beside.submit(lambda: served.trace(fit() if has_linear else None))
        trained = loop.run()
        traced = tracing.result()
    mixed = None
    if network.mixes and traced.linear is not None:
        judge = partial(passes.judge, trained.best_epoch)
        mixed = mix(network, traced.linear, packing, fitting, reader.sample("eval"), judge)

    with written_aside(model) as folder:
        outputs = traced.export(folder)
        about = _about(target, seen, labels, settings, transform_digest)
        write_json(folder / "assets.extra" / "stellwerk.json", {**about, "outputs": outputs})
    parameters = sum(int(np.prod(variable.shape)) for variable in network.learns.trainable_variables)
    write_history(trained, mixed, parameters, history)
    checkpoint.remove()


def _focused(head: Head, gamma: float, target: Target) -> Head:
    """Returns the head with the focal loss. Raises StepFailed for one of a package that has none."""
    if not head.FOCUSES:
        raise StepFailed(f"train.loss: a {target.type} target has no focal loss. Remove the key.")
    return replace(head, gamma=gamma)


def cost_of(architecture: Model, seen: Description, rows: int) -> Cost | None:
    """Returns what a row costs in the network that the spec describes; `rows` are those of the train split."""
    return with_cost_of_encoders(builder(architecture.type).cost(architecture, seen.inputs, rows), seen.inputs)


def build_network(
    architecture: Model,
    seen: Description,
    head: Head,
    hooks: dict[str, str],
    sample: Mapping[str, Matrix] | None = None,
) -> Network:
    """Returns the network that the spec describes, over the inputs by name; `sample` has values of them, see `Inputs`."""
    inputs = Inputs.make(seen.inputs, sample, hooks)
    body = builder(architecture.type).build(architecture, inputs, head.units, hooks)
    if not isinstance(body, Body):
        return Network.of(body)
    facts = {item.name: item.facts for item in inputs.described}
    learns, answers = complete(head.beside(facts, inputs.tensors), body)
    answering = keras.Model(inputs.tensors, answers, name=architecture.type)
    if learns is answers:
        return Network(answering, answering, body.mixes)
    return Network(keras.Model(inputs.tensors, learns, name=f"{architecture.type}_members"), answering, body.mixes)


def _settings(architecture: Model, encoding: Mapping[str, Encoding], pace: Paced) -> dict[str, Any]:
    """Returns what the network is made by and how it learns, as JSON values; encoders where there are any."""
    said = {name: one.model_dump(mode="json", exclude_none=True) for name, one in sorted(encoding.items())}
    sections = {"model": architecture.model_dump(mode="json"), "train": pace.model_dump(mode="json")}
    return sections | ({"encoding": said} if any(said.values()) else {})


def _about(
    target: Target, seen: Description, labels: Labels, settings: dict[str, Any], transform_digest: str
) -> dict[str, Any]:
    """Returns what the model says of itself: what it predicts of what, how it was learned and from which bytes."""
    label: LabelPart = TASKS.part(target.type, "label")
    return {
        "target": target.model_dump(mode="json"),
        "classes": list(seen.classes),
        "trivial": label.trivial(labels),
        **({"facts": dict(labels.facts)} if labels.facts else {}),
        "inputs": {name: _input(COLUMN_TYPES[kind]) for name, kind in seen.raw.items()},
        **({"windows": seen.windows} if seen.windows else {}),
        "hyperparameters": settings,
        **({"unread": seen.unread} if seen.unread else {}),
        "examples_version": seen.examples_version,
        "schema_digest": seen.schema_digest,
        "transform_digest": transform_digest,
        "versions": {"python": platform.python_version(), **{name: metadata.version(name) for name in LIBRARIES}},
    }


def _input(known: ColumnType) -> dict[str, Any]:
    return {"dtype": known.dtype, "shape": [None, *known.shape]}


def _fingerprint(settings: dict[str, Any], target: Target, hooks: dict[str, str], *digests: str) -> str:
    """Names all that decides the weights: a checkpoint of anything else is not taken up."""
    decides = [settings, target.model_dump(mode="json"), hooks, digests, tf.__version__, keras.__version__]
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()
