"""Makes the bytes of a SavedModel those of its content: equal runs write equal files.

TensorFlow numbers functions, calls and tables by counters of the process, so that threads that trace side by side number them anew in
every run, and names tables after the folder where their vocabulary was written. Here they are numbered in the order in which the graph
and its objects name them, functions are sorted by that, and the folder is left out. Nothing that a loader reads depends on the numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from tensorflow.core.protobuf import saved_model_pb2

FILE = "saved_model.pb"
NUMBER = re.compile(r"_\d+$")
LOADED = re.compile(r"(_load_\d+(_\d+)?)+$")
"""What Python's loader adds to the names of tables, so that two models in one process share none; it does so at every load."""
CALL = b"_gradient_op_type"
"""Attribute of a call that is numbered."""
TABLE = "shared_name"
GIVEN = "_user_specified_name"


def make_canonical(folder: Path, edit: Callable[[Any], None] | None = None) -> None:
    """Rewrites the SavedModel in `folder`, after `edit` was given the message; its fingerprint goes, as loaders do without."""
    saved = saved_model_pb2.SavedModel.FromString((folder / FILE).read_bytes())
    if edit is not None:
        edit(saved)
    for graph in saved.meta_graphs:
        _number_functions(graph)
        _number_calls(graph)
        _name_captured(graph)
        _name_tables(graph)
    (folder / FILE).write_bytes(saved.SerializeToString(deterministic=True))
    (folder / "fingerprint.pb").unlink(missing_ok=True)


def _number_functions(graph: Any) -> None:
    library = {function.signature.name: function for function in graph.graph_def.library.function}
    order = list(_in_order(graph, library))
    names = {name: f"{NUMBER.sub('', name)}_{place}" for place, name in enumerate(order)}
    for function in library.values():
        function.signature.name = names[function.signature.name]
        _rename(function.attr.values(), names)
    for node in _nodes(graph):
        _rename(node.attr.values(), names)
    for gradient in graph.graph_def.library.gradient:
        gradient.function_name = names.get(gradient.function_name, gradient.function_name)
        gradient.gradient_func = names.get(gradient.gradient_func, gradient.gradient_func)
    for registered in graph.graph_def.library.registered_gradients:
        registered.gradient_func = names.get(registered.gradient_func, registered.gradient_func)
    for node in graph.object_graph_def.nodes:
        kind = node.WhichOneof("kind")  # to write to another one would clear it
        if kind == "bare_concrete_function":
            bare = node.bare_concrete_function
            bare.concrete_function_name = names.get(bare.concrete_function_name, bare.concrete_function_name)
        elif kind == "function":
            node.function.concrete_functions[:] = [names.get(name, name) for name in node.function.concrete_functions]
    _rename_keys(graph.object_graph_def.concrete_functions, names)
    aliases = {names.get(name, name): alias for name, alias in graph.meta_info_def.function_aliases.items()}
    graph.meta_info_def.function_aliases.clear()
    graph.meta_info_def.function_aliases.update(aliases)
    graph.graph_def.library.function.sort(key=lambda function: int(function.signature.name.rpartition("_")[2]))


def _in_order(graph: Any, library: dict[str, Any]) -> Iterator[str]:
    """Yields every function once: as the graph calls them, each with those that it calls, then as objects name them, then by their content."""
    seen: set[str] = set()
    pending: list[str] = []

    def reached(names: Iterable[str]) -> Iterator[str]:
        pending.extend(reversed(list(names)))
        while pending:
            name = pending.pop()
            if name in library and name not in seen:
                seen.add(name)
                yield name
                called = [one for node in library[name].node_def for one in _named(node.attr)]
                pending.extend(reversed([*_named(library[name].attr), *called]))

    yield from reached(name for node in graph.graph_def.node for name in _named(node.attr))
    for node in graph.object_graph_def.nodes:
        yield from reached([node.bare_concrete_function.concrete_function_name, *node.function.concrete_functions])
    yield from reached(sorted(library.keys() - seen, key=lambda name: (NUMBER.sub("", name), _content(library[name]))))


def _content(function: Any) -> str:
    return re.sub(r"_\d+\b", "", str(function))


def _nodes(graph: Any) -> Iterator[Any]:
    yield from graph.graph_def.node
    for function in graph.graph_def.library.function:
        yield from function.node_def


def _named(attributes: Any) -> Iterator[str]:
    """Yields the functions that attributes name, in the order of the attributes' names."""
    for key in sorted(attributes):
        value = attributes[key]
        kind = value.WhichOneof("value")
        if kind == "func":
            yield value.func.name
        elif kind == "list":
            yield from (function.name for function in value.list.func)
        elif kind == "s" and value.s.startswith(b"__"):
            yield value.s.decode(errors="replace")


def _rename(values: Iterable[Any], names: dict[str, str]) -> None:
    for value in values:
        kind = value.WhichOneof("value")
        if kind == "func":
            value.func.name = names.get(value.func.name, value.func.name)
        elif kind == "list":
            for function in value.list.func:
                function.name = names.get(function.name, function.name)
        elif kind == "s" and value.s.startswith(b"__"):
            text = value.s.decode(errors="replace")
            value.s = names[text].encode() if text in names else value.s


def _rename_keys(messages: Any, names: dict[str, str]) -> None:
    """Gives the entries of a map of messages their new names."""
    kept = {
        names.get(name, name): type(message).FromString(message.SerializeToString())
        for name, message in messages.items()
    }
    messages.clear()
    for name, message in kept.items():
        messages[name].CopyFrom(message)


def _number_calls(graph: Any) -> None:
    """Numbers the kinds of calls that gradients are registered for, in the order in which they come."""
    known: dict[bytes, bytes] = {}
    for node in _nodes(graph):
        if CALL.decode() in node.attr:
            value = node.attr[CALL.decode()]
            kind, dash, number = value.s.rpartition(b"-")
            if dash and number.isdigit():
                value.s = known.setdefault(value.s, b"%s-%d" % (kind, len(known)))
    gradients = graph.graph_def.library.registered_gradients
    for registered in gradients:
        kind_of = registered.registered_op_type.encode()
        registered.registered_op_type = known.get(kind_of, kind_of).decode()
    gradients.sort(key=lambda registered: (registered.registered_op_type, registered.gradient_func))


def _name_captured(graph: Any) -> None:
    """Names what functions capture as their signature does: TensorFlow gives it the number of a tensor."""
    for function in graph.graph_def.library.function:
        for place, argument in function.arg_attr.items():
            if GIVEN in argument.attr and argument.attr[GIVEN].s.isdigit():
                argument.attr[GIVEN].s = function.signature.input_arg[place].name.encode()
    for node in _nodes(graph):
        if GIVEN in node.attr and node.attr[GIVEN].s.isdigit():
            node.attr[GIVEN].s = node.name.encode()


def _name_tables(graph: Any) -> None:
    """Names tables by their vocabulary alone; two of the same name are numbered."""
    known: dict[bytes, bytes] = {}
    for node in _nodes(graph):
        if not (TABLE in node.attr and "Table" in node.op and node.attr[TABLE].s):
            continue
        value = node.attr[TABLE]
        if value.s not in known:
            text = LOADED.sub("", value.s.decode(errors="replace"))
            if "/" in text:  # `hash_table_<folder>/<file>_-2_-1`, where a folder may be called anything
                text = text.partition("/")[0] + text.rpartition("/")[2]
            taken = set(known.values())
            numbered = (text if number == 0 else f"{text}_{number}" for number in range(len(known) + 1))
            known[value.s] = next(name.encode() for name in numbered if name.encode() not in taken)
        value.s = known[value.s]
