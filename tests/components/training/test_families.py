"""Every network and every training loop has every part."""

from __future__ import annotations

import inspect
from typing import get_args

import pytest

from stellwerk.components.forms.base import ModelInput
from stellwerk.components.training.loops.finding import looping
from stellwerk.components.training.networks.builders import builder
from stellwerk.components.training.networks.cost import Cost
from stellwerk.section import Section
from stellwerk.spec.model import NETWORKS
from stellwerk.spec.train import LOOPS

INPUTS = (ModelInput("a", "number"), ModelInput("b", "id", size=100, embedding=7))


@pytest.mark.parametrize("name", list(NETWORKS))
def test_a_network_has_keys_a_builder_and_a_cost(name: str) -> None:
    keys = NETWORKS.part(name, "keys").KEYS
    assert issubclass(keys, Section)
    assert get_args(keys.model_fields["type"].annotation) == (name,)
    assert keys.__doc__
    assert keys.EXAMPLE.startswith("model: ")
    found = builder(name)
    assert list(inspect.signature(found.build).parameters) == ["architecture", "inputs", "units", "hooks"]
    assert list(inspect.signature(found.cost).parameters) == ["architecture", "inputs", "rows"]
    said = {"build": "model.py:build"} if name == "custom" else {"type": name}
    cost = found.cost(keys.model_validate(said), INPUTS, 1000)
    assert cost is None or (isinstance(cost, Cost) and cost.products > 0)


@pytest.mark.parametrize("name", [*LOOPS, "train.py:fit"])
def test_a_training_loop_makes_loops_and_says_how_it_takes_a_batch(name: str) -> None:
    found = looping(name, {"train.py": "def fit(model, train, validation, settings): ..."})
    assert callable(found.loop)
    assert isinstance(found.SHARES_BATCHES, bool)
