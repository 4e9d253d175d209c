"""What a person may write in `pipeline.yaml`: frozen, typed, and the only place where a key is documented."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from stellwerk.spec.data import Data
from stellwerk.spec.evaluate import Evaluate
from stellwerk.spec.features import Feature
from stellwerk.spec.model import Dense, Model
from stellwerk.spec.section import SPLITS, DnsLabel, Identifier, Section, Split
from stellwerk.spec.sections import Cluster, Push, Validate
from stellwerk.spec.target import Target
from stellwerk.spec.train import Train


class Spec(Section):
    """One deep-learning pipeline, from raw data to a served model."""

    name: DnsLabel
    """Names the runs, the experiment and the served model: lower-case letters, digits and dashes."""
    data: Data
    """Where the examples come from and how they are split."""
    validate_: Annotated[Validate, Field(alias="validate")] = Validate()
    """What the data must look like."""
    features: Annotated[dict[Identifier, Feature], Field(min_length=1)]
    """What the model sees: one entry a feature, named as its column unless `column` says otherwise."""
    target: Target
    """What the model predicts."""
    model: Model = Dense(type="dense")
    """The network."""
    train: Train = Train()
    """How it learns."""
    evaluate: Evaluate = Evaluate()
    """How good it must be."""
    push: Push | None = None
    """Where it goes once it is blessed; without this section nothing is pushed."""
    cluster: Cluster | None = None
    """Only for Kubeflow."""

    @model_validator(mode="after")
    def _target_is_no_feature(self) -> Spec:
        for name, feature in self.features.items():
            if self.target.column in feature.columns_of(name):
                raise ValueError(
                    f"feature '{name}' reads the target column '{self.target.column}': the model would be given the answer. "
                    "Remove the feature or change the target"
                )
        return self


__all__ = ["SPLITS", "Data", "Evaluate", "Feature", "Model", "Push", "Spec", "Split", "Target", "Train", "Validate"]
