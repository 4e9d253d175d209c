"""What a SavedModel says of its signatures, mended after it was saved: the method each answers, and what its inputs are called.

TensorFlow writes `predict` for every signature, and takes the names of a signature's inputs from the arguments of a function, which
cannot be called as any column may be. In the file itself they are texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tensorflow.core.protobuf import saved_model_pb2

from stellwerk.components.artifacts.canonical import FILE, make_canonical
from stellwerk.naming import original


def sign(folder: Path, methods: Mapping[str, str]) -> None:
    """Names the inputs of all signatures in the SavedModel in `folder` by their columns, and the method of those in `methods`.

    Without its method, TensorFlow Serving refuses Classify. The bytes are those of the content, see `canonical`.
    """

    def edit(saved: Any) -> None:
        for graph in saved.meta_graphs:
            for name, signature in graph.signature_def.items():
                _rename(signature.inputs)
                signature.method_name = methods.get(name, signature.method_name)
            _rename_arguments(graph.object_graph_def)

    make_canonical(folder, edit)


def input_names(folder: Path, signature: str, arguments: Iterable[str]) -> list[str]:
    """Returns what the inputs of a signature are called, for the names that Python's loader calls its arguments."""
    saved = saved_model_pb2.SavedModel.FromString((folder / FILE).read_bytes())
    named = saved.meta_graphs[0].signature_def[signature].inputs
    return [name if name in named else original(name) for name in arguments]


def _rename_arguments(objects: Any) -> None:
    """Lets Python's loader call the signatures by the same names, unless they are the same to it.

    It puts underscores in the place of signs, and gets the names that a function of Python could have from `function_spec`.
    """
    for node in objects.nodes:
        called = node.bare_concrete_function
        names = [original(name) for name in called.argument_keywords]
        if names == called.argument_keywords or len({re.sub(r"\W", "_", name) for name in names}) < len(names):
            continue
        called.argument_keywords[:] = names
        called.ClearField("function_spec")
        structure = objects.concrete_functions[called.concrete_function_name].canonicalized_input_signature
        keywords = structure.tuple_value.values[1].dict_value.fields
        _rename(keywords)
        for name, value in keywords.items():
            value.tensor_spec_value.name = name


def _rename(named: Any) -> None:
    """Gives the entries of a map of messages their original names."""
    for name in [name for name in named if original(name) != name]:
        named[original(name)].CopyFrom(named[name])
        del named[name]
