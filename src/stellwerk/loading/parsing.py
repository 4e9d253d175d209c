"""Parses YAML into a `Document`: safely, with the line of every key and every list item."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from stellwerk.errors import Problem, SpecError
from stellwerk.loading.document import Document, Keys, dotted
from stellwerk.loading.scalars import Scalar, resolve
from stellwerk.loading.variables import cover, substitute, uncover

MOST_VALUES = 50_000
DEEPEST = 32

_PLAIN = "plain"
_STANDARD = "tag:yaml.org,2002:"
_SCALAR_TAGS = {_STANDARD + name for name in ("str", "int", "float", "bool", "null")}
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]  # chosen at run time
    """Marks scalars that were written without quotes, so that `scalars.resolve` says what they mean."""

    def resolve(self, kind: type[Node], value: Any, implicit: Any) -> str:
        if kind is ScalarNode:
            return _PLAIN if implicit[0] else _STANDARD + "str"
        resolved: str = super().resolve(kind, value, implicit)
        return resolved


def parse(text: str, file: str, environment: Mapping[str, str]) -> Document:
    """Parses the text of a spec; what is wrong inside it is collected in the document's `problems`.

    Raises SpecError when it is not one YAML document with keys at the top.
    """
    root = _compose(text, file)
    if root is None or (isinstance(root, ScalarNode) and root.tag == _PLAIN and resolve(root.value) is None):
        raise SpecError([Problem(file, 0, "", "is empty. A spec has at least name, data, features and target.")])
    if not isinstance(root, MappingNode):
        line = root.start_mark.line + 1
        message = "a spec is made of keys and values (name: ..., data: ...). " + _reads(text, line)
        raise SpecError([Problem(file, line, "", message)])
    builder = _Builder(Document(file, text), environment)
    builder.document.values = builder.build(root, (), frozenset())
    return builder.document


def parse_value(text: str, environment: Mapping[str, str]) -> Document:
    """Parses one YAML value, e.g. of `--set`: the document's `value` at `("value",)`. Problems as for `parse`."""
    root = _compose(text, "the value")
    builder = _Builder(Document("the value", text), environment)
    value = builder.build(root, ("value",), frozenset()) if root is not None else None
    builder.document.values = {"value": value}
    return builder.document


def _compose(text: str, file: str) -> Node | None:
    loader: Any = None
    try:
        _check_depth(cover(text), file)
        loader = _Loader(cover(text))
        if not loader.check_node():
            return None
        root: Node = loader.get_node()
        if loader.check_node():
            line = loader.get_node().start_mark.line + 1
            message = "a second document begins here (---). A spec is one document; put the other in a file of its own."
            raise SpecError([Problem(file, line, "", message)])
    except yaml.MarkedYAMLError as error:
        raise SpecError([_syntax_problem(error, text, file)]) from None
    except yaml.reader.ReaderError as error:
        line = text.encode().count(b"\n", 0, error.position) + 1
        raise SpecError(
            [Problem(file, line, "", f"holds a control character. Remove it. {_reads(text, line)}")]
        ) from None
    finally:
        if loader is not None:
            loader.dispose()
    return root


def _check_depth(text: str, file: str) -> None:
    """Refuses what is nested too deep before it is composed, which would overflow the stack."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            line = event.start_mark.line + 1 if event.start_mark else 0
            raise SpecError([Problem(file, line, "", f"is nested more than {DEEPEST} deep. {_reads(text, line)}")])


def _reads(text: str, line: int) -> str:
    lines = text.splitlines()
    return f"The line reads: {lines[line - 1].strip()[:80]!r}." if 0 < line <= len(lines) else ""


def _syntax_problem(error: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    lines = text.splitlines()
    line = min(mark.line + 1, len(lines)) if mark else 1
    if lines[line - 1][: len(lines[line - 1]) - len(lines[line - 1].lstrip())].count("\t"):
        return Problem(file, line, "", f"is indented with a tab. YAML allows only blanks. {_reads(text, line)}")
    what = error.problem or "it cannot be parsed"
    if "alias" in what or "alias" in (error.context or ""):
        what += "; a value that begins with * needs quotes"
    if error.context and error.context_mark and error.context_mark.line + 1 != line:
        what += f" ({error.context} that begins in line {error.context_mark.line + 1})"
    return Problem(file, line, "", f"is not YAML: {uncover(what)}. {_reads(text, line)}")


@dataclass
class _Builder:
    """Turns YAML nodes into plain values and remembers where each came from."""

    document: Document
    environment: Mapping[str, str]
    built: int = 0

    def build(self, node: Node, keys: Keys, around: frozenset[int]) -> Any:
        """Returns the value of `node`, which is at `keys` and inside the nodes `around` it."""
        self.built += 1
        line = node.start_mark.line + 1
        if id(node) in around:
            raise self._refused(line, keys, "an alias (*) stands for the section that it is in. Write it out.")
        if self.built > MOST_VALUES:
            raise self._refused(
                line, keys, f"has more than {MOST_VALUES:,} values once its aliases (*) are written out."
            )
        if isinstance(node, ScalarNode):
            return self._scalar(node, keys)
        if isinstance(node, SequenceNode):
            return self._list(node, keys, around | {id(node)})
        assert isinstance(node, MappingNode)  # noqa: S101 - YAML has three kinds of node
        return self._mapping(node, keys, around | {id(node)})

    def _refused(self, line: int, keys: Keys, message: str) -> SpecError:
        return SpecError([Problem(self.document.file, line, dotted(keys), message)])

    def _problem(self, keys: Keys, message: str, line: int | None = None) -> None:
        at = self.document.line(keys) if line is None else line
        self.document.problems.append(Problem(self.document.file, at, dotted(keys), message))

    def _scalar(self, node: ScalarNode, keys: Keys) -> Scalar:
        if node.tag != _PLAIN and node.tag not in _SCALAR_TAGS:
            self._problem(keys, f"the tag '{_tag(node)}' is not allowed. Write the plain value.")
            return None
        written = uncover(node.value)
        found = substitute(written, self.environment)
        for name in found.unset:
            self._problem(keys, f"the environment variable {name} is not set. Set it, or write ${{{name}:-default}}.")
        for reference in found.malformed:
            self._problem(keys, f"'{reference}' names no variable. Write ${{NAME}}, or $${{ where ${{ itself is meant.")
        if found.variables:
            self.document.variables[keys] = (written, found.variables)
        return found.text if node.tag == _STANDARD + "str" else resolve(found.text)

    def _list(self, node: SequenceNode, keys: Keys, around: frozenset[int]) -> list[Any]:
        values = []
        for position, item in enumerate(node.value):
            at = (*keys, position)
            self.document.lines.setdefault(at, item.start_mark.line + 1)
            values.append(self.build(item, at, around))
        return values

    def _mapping(self, node: MappingNode, keys: Keys, around: frozenset[int]) -> dict[str, Any]:
        if not keys:
            self.document.lines[()] = node.start_mark.line + 1
        if node.tag not in (_STANDARD + "map", "!"):
            self._problem(keys, f"the tag '{_tag(node)}' is not allowed. Write the section without it.")
        values: dict[str, Any] = {}
        own: dict[str, int] = {}
        for key_node, value_node in sorted(node.value, key=lambda pair: not _is_merge(pair[0])):
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode):
                self._problem(keys, "a key must be a single word, not a list or a section.", line)
                continue
            key = uncover(key_node.value)
            if _is_merge(key_node):
                values.update(self._merged(value_node, keys, around))
                continue
            at = (*keys, key)
            if key in own:
                self._problem(at, f"is written twice, the first time in line {own[key]}. Keep one of them.", line)
                continue
            own[key] = self.document.lines[at] = line
            values[key] = self.build(value_node, at, around)
        return values

    def _merged(self, node: Node, keys: Keys, around: frozenset[int]) -> dict[str, Any]:
        """Returns the keys that `<<: *anchor` or `<<: [*one, *two]` brings; the first of several wins."""
        if isinstance(node, SequenceNode):
            merged: dict[str, Any] = {}
            for item in reversed(node.value):
                merged.update(self._merged(item, keys, around))
            return merged
        value = self.build(node, keys, around)
        if isinstance(value, dict):
            return value
        self._problem(keys, "<< takes a section (*anchor) or a list of sections.", node.start_mark.line + 1)
        return {}


def _is_merge(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.tag == _PLAIN and node.value == "<<"


def _tag(node: Node) -> str:
    tag: str = node.tag
    return tag.replace(_STANDARD, "!!")
