"""Looks at the files that a spec names: hooks are parsed and never imported, so that checking runs nobody's code; of weights the first bytes are read."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path

from stellwerk.encoders.base import Pretrained
from stellwerk.errors import did_you_mean
from stellwerk.loading.document import Keys
from stellwerk.plugged import hooks_of, weights_of
from stellwerk.spec import Spec
from stellwerk.spec.places import is_here, place_of
from stellwerk.spec.train import is_hook

Found = tuple[Keys, str]

LOOP: Keys = ("train", "loop")

CALLED_WITH: dict[Keys, tuple[str, ...]] = {LOOP: ("model", "train", "validation", "settings")}
"""What a hook is called with, where that is the same in every spec."""

HDF5, ZIP = b"\x89HDF\r\n\x1a\n", b"PK\x03\x04"
"""How files of weights begin: `.h5`, and `.keras`."""


def check_files(spec: Spec, directory: Path) -> list[Found]:
    """Returns what is wrong with the hooks, the weights and the schema of a spec whose folder is `directory`."""
    found = [(keys, _hook(reference, directory, CALLED_WITH.get(keys, ()))) for keys, reference in hooks(spec)]
    found += [(keys, _weights(path, directory)) for keys, path in weights(spec)]
    found += _digests(spec, directory)
    found.append((("validate", "schema"), _schema(spec.validate_.schema_, directory)))
    return [(keys, message) for keys, message in found if message]


def hooks(spec: Spec) -> Iterator[tuple[Keys, str]]:
    """Yields every hook (`file.py:name`) of a spec and the keys where it is written."""
    for name, feature in spec.features.items():
        yield from ((("features", name, key), reference) for key, reference in feature.hooks().items())
        if feature.encoder is not None:
            own = hooks_of(feature.encoder).items()
            yield from ((("features", name, "encoder", key), reference) for key, reference in own)
    for key, reference in hooks_of(spec.model).items():
        yield ("model", key), reference
    if is_hook(spec.train.loop):
        yield LOOP, spec.train.loop
    for position, metric in enumerate(spec.evaluate.metrics or ()):
        if ".py:" in metric:
            yield ("evaluate", "metrics", position), metric
    for metric in spec.evaluate.require:
        if ".py:" in metric and metric not in (spec.evaluate.metrics or ()):
            yield ("evaluate", "require", metric), metric


def weights(spec: Spec) -> Iterator[tuple[Keys, str]]:
    """Yields every file of weights, or its URI, that a spec names and the keys where it is written."""
    for name, feature in spec.features.items():
        if feature.encoder is not None:
            own = weights_of(feature.encoder).items()
            yield from ((("features", name, "encoder", key), path) for key, path in own)


def _digests(spec: Spec, directory: Path) -> Iterator[Found]:
    """Yields the digests that are not those of the files beside them; a file is read for it only where the spec has one."""
    for name, feature in spec.features.items():
        encoder = feature.encoder
        if not isinstance(encoder, Pretrained) or encoder.weights is None or encoder.sha256 is None:
            continue
        file = directory / encoder.weights.removeprefix("file://")
        if not is_here(encoder.weights) or not file.is_file():
            continue
        try:
            with file.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError:  # which `_weights` tells
            continue
        if digest != encoder.sha256:
            message = (
                f"is not that of '{encoder.weights}', which has {digest}. Take the file that is meant, or correct it."
            )
            yield ("features", name, "encoder", "sha256"), message


def _weights(path: str, directory: Path) -> str:
    if not is_here(path):
        try:
            place_of(path)
        except ValueError as error:
            return f"{error}."
        return ""
    file = directory / path.removeprefix("file://")
    if not file.is_file():
        near = did_you_mean(file.name, (each.name for each in file.parent.glob("*.*"))) if file.parent.is_dir() else ""
        return f"there is no file '{path}' beside the spec.{near} Put it there, or correct the path."
    try:
        with file.open("rb") as stream:
            begins = stream.read(len(HDF5))
    except OSError as error:
        return f"'{path}' cannot be read: {error.strerror}."
    wanted, called = (ZIP, "a model that Keras 3 saved") if file.suffix == ".keras" else (HDF5, "an HDF5 file")
    if begins.startswith(wanted):
        return ""
    return (
        f"'{path}' is not {called}, which its name says: it begins with {begins[:8]!r}. Give a file that Keras saved."
    )


def _hook(reference: str, directory: Path, given: tuple[str, ...]) -> str:
    file, _, name = reference.rpartition(":")
    path = directory / file
    if not path.is_file():
        near = did_you_mean(path.name, (each.name for each in path.parent.glob("*.py"))) if path.parent.is_dir() else ""
        return f"there is no file '{file}' beside the spec.{near} Write it, or correct the path."
    try:
        tree = ast.parse(path.read_bytes(), filename=file)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        return f"{file}{f':{line}' if line else ''} is not Python: {getattr(error, 'msg', error)}. Mend the file."
    except OSError as error:
        return f"'{file}' cannot be read: {error.strerror}."
    known = sorted(_names(tree))
    if name in known:
        return _misfit(tree, file, name, given) if given else ""
    public = [each for each in known if not each.startswith("_")]
    return (
        f"{file} has no function or class '{name}'.{did_you_mean(name, known)} It has: {', '.join(public) or 'none'}."
    )


def _names(tree: ast.Module) -> set[str]:
    """Returns the names that a module defines or imports at its top, also inside `if` and `try`."""
    names: set[str] = set()
    open_blocks: list[ast.AST] = [tree]
    while open_blocks:
        for node in ast.iter_child_nodes(open_blocks.pop()):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                names.add(node.name)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                names.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.Assign):
                names.update(target.id for target in node.targets if isinstance(target, ast.Name))
            elif isinstance(node, (ast.If, ast.Try, ast.With, ast.ExceptHandler)):
                open_blocks.append(node)
    return names


def _misfit(tree: ast.Module, file: str, name: str, given: tuple[str, ...]) -> str:
    """Returns what is wrong with the arguments of a function at the top of a file that is called with those `given`."""
    functions = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    function = next((one for one in functions if one.name == name and not one.col_offset), None)
    if function is None:  # a class, an import, or made elsewhere: only a call can tell
        return ""
    takes = function.args
    places = [one.arg for one in (*takes.posonlyargs, *takes.args)]
    needed = len(places) - len(takes.defaults)
    named = [one.arg for one, default in zip(takes.kwonlyargs, takes.kw_defaults, strict=True) if default is None]
    if needed <= len(given) and (len(given) <= len(places) or takes.vararg) and not named:
        return ""
    return (
        f"{file}:{function.lineno}: {name} takes ({ast.unparse(takes)}), and is called with ({', '.join(given)}). "
        "Write it so that it can be."
    )


def _schema(schema: str | None, directory: Path) -> str:
    if schema is None:
        return ""
    path = directory / schema
    if path.is_dir():
        return f"'{schema}' is a folder. Name a file in it, e.g. {schema.rstrip('/')}/schema.pbtxt."
    if not path.parent.is_dir():
        return (
            f"there is no folder '{Path(schema).parent}' beside the spec for the schema. Make it, or correct the path."
        )
    return ""
