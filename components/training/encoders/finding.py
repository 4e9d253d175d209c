"""Which encoder reads which inputs of a model, and what all of them cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from stellwerk.components.forms.base import ModelInput
from stellwerk.components.training.networks.cost import Cost
from stellwerk.encoders import ENCODERS
from stellwerk.encoders.base import EncoderKeys
from stellwerk.encoders.choosing import Encoding
from stellwerk.errors import StepFailed
from stellwerk.spec.features.patterns import has_signs, winner


def encoder(name: str) -> Any:
    """Returns the module with `encode`, `width` and `cost` of an encoder.

    Raises PlugInError where the package that brings it cannot be imported or lacks a part, and UsageError where there is none.
    """
    return ENCODERS.part(name, "build")


def with_encoders(inputs: Sequence[ModelInput], encoding: Mapping[str, Encoding]) -> tuple[ModelInput, ...]:
    """Returns the inputs, each with the encoder of its feature and how training varies it; `encoding` is by the features' names and patterns in the spec.

    Raises StepFailed for an encoder that cannot read its feature.
    """
    made = []
    for item in inputs:
        said = encoding.get(item.feature)
        if said is None and (best := winner(item.feature, filter(has_signs, encoding))):
            said = encoding[best]
        made.append(item if said is None else replace(item, encoder=said.encoder, augment=said.augment))
    made = _left_to_their_forms(made)
    for items in by_feature(made).values():
        _refuse_misfits(items)
    return tuple(made)


def _left_to_their_forms(made: Sequence[ModelInput]) -> list[ModelInput]:
    """Takes the encoder from what the network does not look at, and from what stands beside the input that the encoder reads."""
    alone: set[str] = set()
    for items in by_feature(made).values():
        fits = [not item.encoder.refusal((item.form, len(item.shape))) for item in items]
        others = {item.name for item, fit in zip(items, fits, strict=True) if any(fits) and not fit}
        alone |= others | {item.name for item in items if not item.known.width(item)}
    return [replace(item, encoder=None) if item.name in alone else item for item in made]


def by_feature(described: Iterable[ModelInput]) -> dict[str, list[ModelInput]]:
    """Returns the inputs that an encoder reads, by the feature that makes them."""
    found: dict[str, list[ModelInput]] = {}
    for item in described:
        if item.encoder is not None:
            found.setdefault(item.feature, []).append(item)
    return found


def _refuse_misfits(items: Sequence[ModelInput]) -> None:
    section: EncoderKeys = items[0].encoder
    where = f"features.{items[0].feature}.encoder"
    for item in items:
        if why := section.refusal((item.form, len(item.shape))):
            raise StepFailed(f"{where}: {why}. Take another encoder, or none.")
        if section.TAKES is not None and (why := section.misfit(item.shape)):
            raise StepFailed(f"{where}: {why}. Change the feature, or take another encoder.")
    if section.TAKES is not None and len(items) > 1:
        names = ", ".join(item.name for item in items)
        raise StepFailed(
            f"{where}: {section.type} reads one input, and this feature gives {len(items)}: {names}. Take another encoder, or none."
        )


def encoded_feature(items: Sequence[ModelInput], tensors: Mapping[str, Any], hooks: Mapping[str, str]) -> Any:
    """Returns what the encoder of a feature makes of its inputs, a Keras tensor float32 [batch, n]."""
    return encoder(items[0].encoder.type).encode(items[0].encoder, items, tensors, hooks)


def encoded_feature_width(items: Sequence[ModelInput]) -> int:
    """Returns how many numbers a row has in that; 0 where only the layers know."""
    return encoder(items[0].encoder.type).width(items[0].encoder, items) or 0


def with_cost_of_encoders(network: Cost | None, described: Sequence[ModelInput]) -> Cost | None:
    """Returns what a network costs with the encoders before it; None where one of them cannot say."""
    costs = [encoder(items[0].encoder.type).cost(items[0].encoder, items) for items in by_feature(described).values()]
    if network is None or any(cost is None for cost in costs):
        return None
    return replace(
        network,
        products=network.products + sum(cost.products for cost in costs),
        whole_batches=network.whole_batches or any(cost.whole_batches for cost in costs),
    )
