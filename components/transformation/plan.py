"""From `features` and `target` to the graph's inputs, what must be measured, and TFT's preprocessing function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tensorflow as tf

from stellwerk.columns import COLUMN_TYPES
from stellwerk.components.artifacts.examples import LABEL, Examples
from stellwerk.components.artifacts.hooks import load_hook
from stellwerk.components.artifacts.limits import limited
from stellwerk.components.transformation.columns import as_spec
from stellwerk.errors import DataError, did_you_mean
from stellwerk.kinds.columns import Columns
from stellwerk.kinds.outputs import Output
from stellwerk.kinds.parts import transform
from stellwerk.kinds.transforming import Asked, Known, Outputs
from stellwerk.naming import original, safe
from stellwerk.spec.features import Feature
from stellwerk.spec.target import Target
from stellwerk.tasks import TASKS
from stellwerk.tasks.parts import GraphPart

PreprocessingFn = Callable[[Mapping[str, tf.Tensor]], dict[str, tf.Tensor]]


@dataclass
class Plan:
    """What the transform graph takes and makes."""

    features: Mapping[str, Feature]
    target: Target
    hooks: Mapping[str, str]
    inputs: dict[str, str]
    """Raw columns that features read, and the type in which they enter the graph."""
    label_input: str
    classes: list[str] = field(default_factory=list)
    """Classes of the target (none where it has none): known once its column was read."""
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Lines of `features.json` by output: known once the graph was traced."""

    @classmethod
    def make(
        cls,
        features: Mapping[str, Feature],
        target: Target,
        hooks: Mapping[str, str],
        examples: Examples,
    ) -> Plan:
        """Chooses the type of every graph input. Raises DataError for a column that is absent or does not fit."""
        inputs: dict[str, str] = {}
        for name, feature in features.items():
            for column in feature.columns_of(name):
                form = _form(name, feature, column, examples.columns)
                inputs[column] = "int64" if "int64" in (form, inputs.get(column)) else form
        if target.column in inputs:
            raise DataError(f"features: column '{target.column}' is the target and cannot be a feature as well.")
        return cls(features, target, hooks, inputs, examples.columns[target.column])

    @property
    def all_inputs(self) -> dict[str, str]:
        """Inputs of the features and of the label, by column, with their types."""
        return {**self.inputs, self.target.column: self.label_input}

    @property
    def label(self) -> str:
        """Output that holds the label: a name that no feature's output has."""
        name = LABEL
        while name in self.outputs:
            name += "_"
        return name

    def specs(self) -> dict[str, tf.TensorSpec]:
        """Returns the signature of the graph, by column: every input is [batch], of lists [batch, length]."""
        return {name: as_spec(safe(name), kind) for name, kind in self.all_inputs.items()}

    def asked(self, columns: Columns) -> dict[tuple[str, str], Asked]:
        """Returns what must be measured, by feature and key."""
        return {
            (name, key): asked
            for name, feature in self.features.items()
            for key, asked in transform(feature.type).measured(name, feature, columns).items()
        }

    def preprocessing_fn(self, measures: Mapping[tuple[str, str], Any], folder: Path) -> PreprocessingFn:
        """Returns the function that TFT traces, from and to `safe` names; `folder` receives the vocabulary files it refers to."""

        def preprocessing_fn(inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            columns = Columns({original(name): tensor for name, tensor in inputs.items()})
            made: dict[str, Output] = {}
            by_feature = self._by_feature(columns, measures, folder)
            for output in (output for name in self.features for output in by_feature[name]):
                _refuse_name(output, made)
                made[output.name] = output
            self.outputs = {name: output.description for name, output in made.items()}
            tensors = {safe(name): output.tensor for name, output in made.items()}
            task: GraphPart = TASKS.part(self.target.type, "graph")
            answer = task.label(inputs[safe(self.target.column)], self.classes)
            return {**tensors, safe(self.label): answer}

        return preprocessing_fn

    def _call(self, what: str, reference: str, given: Mapping[str, Any]) -> Any:
        function = load_hook(self.hooks, reference)
        with limited(what):
            return function(given)

    def _by_feature(self, columns: Columns, measures: Mapping[tuple[str, str], Any], folder: Path) -> Outputs:
        known: dict[str, dict[str, Any]] = {name: {} for name in self.features}
        for (owner, key), value in measures.items():
            known[owner][key] = value
        found: Outputs = {}
        for kind in {feature.type: None for feature in self.features.values()}:
            members = {name: feature for name, feature in self.features.items() if feature.type == kind}
            given = {name: Known(known[name], folder, self._call) for name in members}
            found |= transform(kind).transform(members, columns, given)
        return found


def _form(name: str, feature: Feature, column: str, columns: Mapping[str, str]) -> str:
    where = f"features.{name}"
    if column not in columns:
        raise DataError(
            f"{where}: there is no column '{column}' in the examples.{did_you_mean(column, columns)} "
            f"There are: {', '.join(sorted(columns))}."
        )
    known = COLUMN_TYPES[columns[column]]
    if known.family not in feature.TAKES:
        raise DataError(
            f"{where}: column '{column}' is {known.name}, but type: {feature.type} takes {' or '.join(feature.TAKES)}. "
            "Choose another type, or convert the column with CAST in data.query."
        )
    return known.name if known.length else feature.TAKES[known.name]


def _refuse_name(output: Output, made: Mapping[str, Output]) -> None:
    owner = output.description["feature"]
    if output.name in made:
        other = made[output.name].description["feature"]
        raise DataError(f"features.{owner}: makes '{output.name}', as features.{other} does. Rename one of the two.")
