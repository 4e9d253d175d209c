"""What a module has, told from its text: importing it might load a framework, or run somebody's code only to look at it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from importlib.util import find_spec


def wrong_with(module: str, names: Iterable[str]) -> tuple[str, str] | None:
    """Returns a name that a module lacks, or else why it cannot be imported, each with an empty text in the other's place.

    None where its text shows neither. A module that takes names with `*` or has `__getattr__` is taken to have all. Raises what
    importing its package raises, and ModuleNotFoundError where there is no such module.
    """
    found = find_spec(module)
    if found is None:
        raise ModuleNotFoundError(f"No module named '{module}'", name=module)
    source = getattr(found.loader, "get_source", lambda _: None)(module)
    if source is None:
        return None
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        return "", f"{type(error).__name__}: {error}"
    for missing in _not_installed(tree):
        return "", f"ModuleNotFoundError: No module named '{missing}'"
    has = set(_names(tree))
    if has & {"*", "__getattr__"}:
        return None
    return next(((name, "") for name in names if name not in has), None)


def _names(tree: ast.Module) -> Iterator[str]:
    """Yields the names that a module may have, wherever in it they are given."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _not_installed(tree: ast.Module) -> Iterator[str]:
    """Yields packages that the lines at the top of a module import, and that are not there; what stands in a `try` may be missing."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            tops = [alias.name.partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            tops = [node.module.partition(".")[0]]
        else:
            continue
        yield from (top for top in tops if find_spec(top) is None)
