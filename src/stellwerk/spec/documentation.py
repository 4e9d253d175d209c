"""Documents the spec from its own classes: a JSON Schema for editors, and a reference for people.

stellwerk schema --json > docs/pipeline.schema.json
python -m stellwerk.spec.documentation > docs/spec.md
"""

from __future__ import annotations

import inspect
import json
import sys
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from stellwerk.metrics import METRICS
from stellwerk.section import PATTERNS, Section
from stellwerk.spec import Spec
from stellwerk.spec.meanings import meanings
from stellwerk.tasks.measures import by_task

DRAFT = "https://json-schema.org/draft/2020-12/schema"

HEAD = """\
# The spec

Every key that `pipeline.yaml` may have. This page and `pipeline.schema.json` are made from the classes in
`src/stellwerk/spec/`: change those, then run `python -m stellwerk.spec.documentation > docs/spec.md` and
`stellwerk schema --json > docs/pipeline.schema.json`.

An editor completes and checks a spec that begins with the line
`# yaml-language-server: $schema=docs/pipeline.schema.json` (the path or URL of that file).

Values are YAML 1.2: only `true` and `false` are booleans (`no` is a text), `10:30` is a text, `1e-3` a number. Anchors and
`<<` work. `${VAR}` is the environment variable VAR, `${VAR:-default}` has a default, `$${` stands for `${`. One key may be
changed on the command line: `--set train.epochs=1`. Paths are relative to the folder of the spec. A name in `<>` is yours.
"""


def json_schema() -> dict[str, Any]:
    """Returns the JSON Schema (draft 2020-12) of a spec. It takes the short forms too, and every key has its description."""
    schema = Spec.model_json_schema(by_alias=True, mode="validation")
    for _, section in sections():
        written = schema if section is Spec else _definition(schema["$defs"], section)
        for name, field in section.model_fields.items():
            key = field.alias or name
            described = written["properties"][key] | {"description": meanings(section).get(name)}
            wanted = {word: value for word, value in described.items() if word != "title" and value is not None}
            written["properties"][key] = dict(sorted(wanted.items()))
    schema["$defs"]["HashSplit"]["required"] = ["by"]  # a default of the class only: what a split is by is always said
    return {"$schema": DRAFT, **schema, "title": "Stellwerk pipeline"}


def _definition(defined: dict[str, Any], section: type[BaseModel]) -> dict[str, Any]:
    """Returns what the JSON Schema says of a section: Pydantic names it in full where a package brings one of the same name."""
    full = f"{section.__module__}.{section.__qualname__}".replace(".", "__")
    found: dict[str, Any] = defined[section.__name__] if section.__name__ in defined else defined[full]
    return found


def reference() -> str:
    """Returns the reference of the spec as Markdown: a section for each class, its keys, and an example."""
    parts = [HEAD]
    for path, section in sections():
        parts.append(_section(path, section))
    return "\n".join([*parts, *_metrics(), ""])


def _metrics() -> list[str]:
    """Returns what is to be known of each standard metric, as a section."""
    lines = [
        "## Metrics",
        "",
        "What `evaluate.metrics` and `evaluate.require` may name, beside TFMA's classes and hooks.",
        "",
    ]
    lines += [
        "| name | title | better | unit | targets, and the class of TFMA or Keras that it equals |",
        "|---|---|---|---|---|",
    ]
    for metric in METRICS.values():
        better = {"one": "near 1", "none": "neither"}.get(metric.better, metric.better)
        ends = [f"{end:g}" if end is not None else "" for end in (metric.scale.least, metric.scale.most)]
        unit = f"{metric.scale.unit}, {'…'.join(ends)}" if any(ends) else metric.scale.unit
        targets = ", ".join(
            f"{task} ({measure.tfma})" if measure.tfma else task for task, measure in by_task(metric.name).items()
        )
        lines.append(f"| `{metric.name}` | {metric.title} | {better} | {unit} | {targets} |")
    return lines


def sections() -> Iterator[tuple[str, type[BaseModel]]]:
    """Yields every class of the spec once, in the order of the keys, with the path where it is written."""
    seen: set[type[BaseModel]] = set()

    def walk(section: type[BaseModel], path: str) -> Iterator[tuple[str, type[BaseModel]]]:
        if section in seen:
            return
        seen.add(section)
        yield path, section
        for name, field in section.model_fields.items():
            below = f"{path}.{field.alias or name}".lstrip(".")
            for inner, keys in _classes(field.annotation):
                yield from walk(inner, below + keys)

    return walk(Spec, "")


def _classes(annotation: Any) -> Iterator[tuple[type[BaseModel], str]]:
    """Yields the classes of the spec in an annotation, with the keys that lead from its place to them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, ""
    elif get_origin(annotation) is Annotated:
        yield from _classes(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, types.UnionType):
        for part in get_args(annotation):
            yield from _classes(part)
    elif get_origin(annotation) is tuple:
        yield from _classes(get_args(annotation)[0])
    elif get_origin(annotation) is dict:
        for found, keys in _classes(get_args(annotation)[1]):
            yield found, f".<name>{keys}"


def heading(path: str, section: type[BaseModel]) -> str:
    """Returns the heading of a class in the reference; other pages link there by it."""
    title = f"`{path}`" if path else "The whole"
    tag = _tag(section)
    return f"{title}{f' with `{tag}`' if tag else ''}"


def _section(path: str, section: type[BaseModel]) -> str:
    lines = [f"## {heading(path, section)}", "", inspect.cleandoc(section.__doc__ or ""), ""]
    lines += ["| key | value | default | meaning |", "|---|---|---|---|"]
    lines += [
        _row(field.alias or name, field, meanings(section).get(name, ""))
        for name, field in section.model_fields.items()
    ]
    example = section.EXAMPLE if issubclass(section, Section) else ""
    return "\n".join([*lines, "", "```yaml", example.rstrip(), "```", ""])


def _tag(section: type[BaseModel]) -> str:
    """Returns `type: number` for a class that a key with one possible value tells from others."""
    for name, field in section.model_fields.items():
        values = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
        if len(values) == 1:
            return f"{field.alias or name}: {values[0]}"
    return ""


def _row(key: str, field: FieldInfo, meaning: str) -> str:
    meaning = meaning.replace("|", "\\|").replace("\n", " ")
    limits = _limits(field.metadata)
    value = _value(field.annotation)
    return f"| `{key}` | {value}{f' {limits}' if limits else ''} | {_default(field)} | {meaning} |"


def _value(annotation: Any) -> str:  # noqa: PLR0911 - one for each kind of type
    """Returns the type of a key in words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    simple = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`", Any: "anything"}
    if annotation in simple:
        return simple[annotation]
    if origin is Annotated:
        limits = _limits(annotation.__metadata__)
        return f"{_value(arguments[0])}{f' {limits}' if limits else ''}"
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin in (Union, types.UnionType):
        words = [_value(part) for part in arguments if part is not type(None)]
        return " or ".join(dict.fromkeys(words))
    if origin in (list, tuple):
        return f"list of {_value(arguments[0])}"
    if origin is dict:
        return f"section: name → {_value(arguments[1])}"
    return "section" if isinstance(annotation, type) and issubclass(annotation, BaseModel) else "moment"


def _limits(metadata: Any) -> str:
    """Returns what Pydantic's constraints say: `≥ 1`, `at least 2`, a pattern in words."""
    words: list[str] = []
    for each in metadata:
        for constraint in getattr(each, "metadata", None) or [each]:
            for name, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<")):
                limit = getattr(constraint, name, None)
                if limit is not None:
                    words.append(f"{sign} {limit:g}")
            pattern = getattr(constraint, "pattern", None)
            if pattern in PATTERNS:
                words.append(PATTERNS[pattern].removeprefix("must be ").removeprefix("must "))
    return f"({', '.join(words)})" if words else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    if isinstance(default, BaseModel):
        default = default.model_dump(mode="json", exclude_defaults=True) or None
    if default is None or default in ({}, ()):
        return ""
    return f"`{json.dumps(default, ensure_ascii=False)}`".replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(reference())
