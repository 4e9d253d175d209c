"""Hooks: functions from a user's own files."""

from __future__ import annotations

import inspect
import pickle

import pytest

from stellwerk.components.artifacts.hooks import load_hook
from stellwerk.errors import HookError

SOURCE = """\
import math

LIMIT = 3

def squared(value):
    return value * value

def cubed(value):
    return squared(value) * value
"""


def _refusal(hooks: dict[str, str], reference: str) -> str:
    with pytest.raises(HookError) as caught:
        load_hook(hooks, reference)
    return str(caught.value)


def test_a_function_is_found_and_sees_its_own_module():
    assert load_hook({"features.py": SOURCE}, "features.py:cubed")(3) == 27


def test_functions_of_one_file_share_a_module():
    hooks = {"a/features.py": SOURCE}
    squared = load_hook(hooks, "a/features.py:squared")
    assert load_hook(hooks, "a/features.py:cubed").__globals__ is squared.__globals__


def test_a_changed_text_is_a_new_module():
    assert load_hook({"f.py": "def g(): return 1"}, "f.py:g")() == 1
    assert load_hook({"f.py": "def g(): return 2"}, "f.py:g")() == 2


def test_a_hook_pickles_and_shows_its_source():
    squared = load_hook({"features.py": SOURCE}, "features.py:squared")
    assert pickle.loads(pickle.dumps(squared)) is squared
    assert "value * value" in inspect.getsource(squared)


def test_a_class_is_a_hook_too():
    assert load_hook({"m.py": "class Metric:\n    pass"}, "m.py:Metric").__name__ == "Metric"


def test_an_unknown_file_is_named_with_its_nearest():
    message = _refusal({"features.py": SOURCE}, "feature.py:squared")
    assert "'feature.py'" in message
    assert "Did you mean 'features.py'?" in message


def test_a_syntax_error_names_file_and_line():
    assert _refusal({"f.py": "x = 1\ndef broken(:\n"}, "f.py:broken").startswith("f.py:2: ")


def test_a_null_byte_is_refused():
    assert _refusal({"f.py": "x = '\0'"}, "f.py:x").startswith("f.py:1: ")


def test_a_failing_import_names_file_line_and_module():
    message = _refusal({"f.py": "\nimport no_such_module_here\n"}, "f.py:g")
    assert message.startswith("f.py:2: ")
    assert "no_such_module_here" in message


def test_an_exception_at_import_names_the_line_in_the_file():
    message = _refusal({"f.py": "import math\n\nroot = math.sqrt(-1)\n"}, "f.py:root")
    assert message.startswith("f.py:3: ")
    assert "ValueError: math domain error" in message


def test_a_file_that_exits_is_refused():
    assert "SystemExit" in _refusal({"f.py": "raise SystemExit(3)"}, "f.py:g")


def test_a_failed_file_fails_again():
    hooks = {"f.py": "1 / 0"}
    assert _refusal(hooks, "f.py:g") == _refusal(hooks, "f.py:g")


def test_a_missing_function_offers_the_nearest():
    message = _refusal({"features.py": SOURCE}, "features.py:square")
    assert "no function 'square'. Did you mean 'squared'? It has: cubed, squared." in message


def test_something_that_cannot_be_called_is_refused():
    assert "'LIMIT' is not a function but int: 3" in _refusal({"features.py": SOURCE}, "features.py:LIMIT")


def test_a_file_that_ends_the_program_is_told_as_one_that_does_not_import():
    message = _refusal({"features.py": "import sys\nsys.exit(4)\n"}, "features.py:squared")
    assert message.startswith("features.py:2: the hook file does not import: SystemExit: 4.")
