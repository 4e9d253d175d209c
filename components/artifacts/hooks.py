"""Functions from a user's own Python files, loaded from their source text.

The text travels in the spec's arguments, so that a hook is the same on this machine and inside a compiled pipeline.
"""

from __future__ import annotations

import hashlib
import linecache
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from stellwerk.components.artifacts.limits import MODULE, limited
from stellwerk.errors import HookError, did_you_mean


def load_hook(hooks: Mapping[str, str], reference: str) -> Callable[..., Any]:
    """Returns the function that `reference` (`file.py:function`) names; `hooks` is source text by path.

    The file runs once per text: functions of one file share its module, which `pickle` and `inspect` find.
    Raises HookError when the file is not among `hooks`, does not compile or import, or has no such function.
    """
    path, _, name = reference.rpartition(":")
    if path not in hooks:
        raise HookError(
            f"{reference}: the file '{path}' is not among the hook files of this pipeline "
            f"({', '.join(sorted(hooks)) or 'there are none'}).{did_you_mean(path, hooks)}"
        )
    module = _module(path, hooks[path])
    function = getattr(module, name, None)
    if function is None:
        known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise HookError(
            f"{reference}: {path} has no function '{name}'.{did_you_mean(name, known)} "
            f"It has: {', '.join(sorted(known)) or 'none'}."
        )
    if not callable(function):
        raise HookError(f"{reference}: '{name}' is not a function but {type(function).__name__}: {function!r:.80}.")
    found: Callable[..., Any] = function
    return found


def _module(path: str, source: str) -> ModuleType:
    digest = hashlib.sha256(f"{path}\0{source}".encode()).hexdigest()
    name = f"{MODULE}{digest[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    try:
        code = compile(source, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise HookError(f"{path}:{line}: {getattr(error, 'msg', error)}. Mend the hook file and run again.") from error
    module = ModuleType(name)
    module.__file__ = path
    linecache.cache[path] = (len(source), None, source.splitlines(keepends=True), path)
    sys.modules[name] = module
    try:
        with limited(f"{path}: the hook file"):
            exec(code, vars(module))  # noqa: S102 - running the user's own file is what a hook is
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, KeyboardInterrupt | HookError):
            raise
        raise HookError(
            f"{path}:{_line(error, path)}: the hook file does not import: {type(error).__name__}: {error}. "
            "A hook file may import only what is installed where the step runs, not other files of the project."
        ) from error
    return module


def _line(error: BaseException, path: str) -> int:
    """Returns the last line of the hook file that was running when `error` was raised, or 1."""
    line, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
