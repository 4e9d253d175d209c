"""What a step is given that stands in no section of the spec as it is: columns by how they are read, hooks, what is asked.

Declarations of steps (`stellwerk.steps`) name these functions. Each takes the loaded spec and returns a JSON value, which counts in
the cache key of the step.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from stellwerk.components.artifacts.file_states import State, state, steady_digest
from stellwerk.encoders.choosing import Encoding
from stellwerk.errors import DataError, SpecError
from stellwerk.kinds.base import Reads
from stellwerk.loading import LoadedSpec
from stellwerk.loading.files import weights
from stellwerk.plugged import hooks_of
from stellwerk.spec import Feature, Spec
from stellwerk.spec.features.patterns import is_pattern
from stellwerk.spec.places import is_here
from stellwerk.spec.train import is_hook


def argument(loaded: LoadedSpec, source: str) -> Any:
    """Returns an argument as a JSON value: of a function, `module:function`, or at keys of the spec, `push.rehearse`."""
    module, _, function = source.partition(":")
    return getattr(importlib.import_module(module), function)(loaded) if function else as_json(at(loaded.spec, source))


def at(section: Any, keys: str) -> Any:
    """Returns what a spec says at dotted keys, as they are written; None where a section on the way is left out."""
    for key in keys.split("."):
        if section is None:
            return None
        named = {field.alias or name: name for name, field in type(section).model_fields.items()}
        section = getattr(section, named.get(key, key))
    return section


def as_json(value: Any) -> Any:
    """Returns a section of the spec, or several, as a JSON value with the keys of the spec."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    if isinstance(value, Mapping):
        return {name: as_json(item) for name, item in value.items()}
    return [as_json(item) for item in value] if isinstance(value, (list, tuple)) else value


def numbers(loaded: LoadedSpec) -> list[str]:
    """Returns `number_columns`."""
    return number_columns(loaded.spec)


def codes(loaded: LoadedSpec) -> list[str]:
    """Returns `code_columns`."""
    return code_columns(loaded.spec)


def named(loaded: LoadedSpec) -> list[str]:
    """Returns `named_columns`."""
    return named_columns(loaded.spec)


def number_columns(spec: Spec) -> list[str]:
    """Returns the columns, or patterns of columns, that features or the target need as numbers, sorted."""
    found = _read(spec, "numbers")
    if not spec.target.about.has_names:
        found.add(spec.target.column)
    if spec.data.windows is not None:
        found = {spec.data.windows.raw(column) for column in found.union(spec.data.windows.columns or ())}
    return sorted(found)


def code_columns(spec: Spec) -> list[str]:
    """Returns the columns, or patterns, whose numbers are names or moments, and so must be whole, sorted."""
    return sorted(_read(spec, "whole").union(*spec.evaluate.slices))


def named_columns(spec: Spec) -> list[str]:
    """Returns all columns, and patterns of columns, that the spec names, sorted: the others stop nothing."""
    found = {spec.target.column, *spec.data.split.columns, *spec.validate_.skew, *spec.validate_.drift}
    windows = spec.data.windows
    if windows is not None:
        found |= {windows.order, *windows.key, *map(windows.raw, windows.columns or ())}
    return sorted(found.union(*spec.evaluate.slices, *(one.columns_of(name) for name, one in spec.features.items())))


def _read(spec: Spec, how: Reads) -> set[str]:
    """Returns the columns of features that read theirs so."""
    features = [(name, feature) for name, feature in spec.features.items() if how == feature.READS]
    return {column for name, feature in features for column in feature.columns_of(name)}


def asked(loaded: LoadedSpec) -> Any:
    """Returns what is asked of the model: one that goes nowhere is not held against the last that was good."""
    spec = loaded.spec
    if spec.push is not None or "min_gain" in spec.evaluate.model_fields_set:
        return as_json(spec.evaluate)
    return as_json(spec.evaluate.model_copy(update={"min_gain": None}))


def transformed_features(loaded: LoadedSpec) -> dict[str, Any]:
    """Returns the section `features` without what only the network is made by: the transform does not depend on it."""
    left_out = set(Encoding.model_fields)
    return {
        name: feature.model_dump(mode="json", by_alias=True, exclude=left_out) for name, feature in _features(loaded)
    }


def encoding(loaded: LoadedSpec) -> dict[str, Any]:
    """Returns how the network reads features otherwise than their forms do, by feature, or pattern of features.

    Where a pattern is among them all features are there: which columns it means depends on the others. Each file of weights has
    its SHA-256 beside it. Raises SpecError for one that cannot be read.
    """
    by_default = not getattr(loaded.spec.model, "TAKES_INPUTS_AS_THEY_ARE", False)
    every = {
        name: feature.encoded_by(by_default).model_dump(mode="json", by_alias=True, exclude_none=True)
        for name, feature in _features(loaded)
    }
    for (_, name, *_), path in weights(loaded.spec):
        if is_here(path):
            every[str(name)]["encoder"]["sha256"] = _digest_of_weights(loaded, str(name), path)
    said = {name: each for name, each in every.items() if each}
    return every if any(is_pattern(name, loaded.spec.features[name]) for name in said) else said


def _digest_of_weights(loaded: LoadedSpec, feature: str, path: str) -> str:
    file = loaded.directory / path.removeprefix("file://")
    try:
        return _digest(file, state(file))
    except (OSError, DataError) as error:
        problem = loaded.problem(("features", feature, "encoder", "weights"), f"'{path}' cannot be read: {error}")
        raise SpecError([problem]) from error


@cache
def _digest(file: Path, seen: State) -> str:  # noqa: ARG001 - a file that looks otherwise is read again
    return steady_digest(file)[1]


def _features(loaded: LoadedSpec) -> Iterable[tuple[str, Feature]]:
    return loaded.spec.features.items()


def feature_hooks(loaded: LoadedSpec) -> dict[str, str]:
    """Returns the files with the transforms of the user's own features, see `hooks`."""
    return hooks(loaded, [each for one in loaded.spec.features.values() for each in one.hooks().values()])


def training_hooks(loaded: LoadedSpec) -> dict[str, str]:
    """Returns the files with the user's own network, encoders and training loop, see `hooks`."""
    spec = loaded.spec
    encoders = [feature.encoder for feature in spec.features.values() if feature.encoder is not None]
    named = [reference for section in (spec.model, *encoders) for reference in hooks_of(section).values()]
    return hooks(loaded, [*named, *([spec.train.loop] if is_hook(spec.train.loop) else [])])


def metric_hooks(loaded: LoadedSpec) -> dict[str, str]:
    """Returns the files with the user's own metrics, see `hooks`."""
    evaluate = loaded.spec.evaluate
    return hooks(loaded, [metric for metric in (*(evaluate.metrics or ()), *evaluate.require) if ".py:" in metric])


def hooks(loaded: LoadedSpec, references: Iterable[str]) -> dict[str, str]:
    """Returns the source text of the files that `references` (`file.py:name`) mean, by the path that the spec uses.

    So it travels with the graph and counts in the cache key. Raises SpecError for a file that cannot be read.
    """
    texts: dict[str, str] = {}
    for reference in references:
        file = reference.partition(":")[0]
        try:
            texts[file] = (loaded.directory / file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SpecError([loaded.problem((), f"hook file '{file}' cannot be read: {error}")]) from error
    return texts
