"""Finds the loop that `train.loop` names, and sees that it has every part."""

from __future__ import annotations

from collections.abc import Mapping

from stellwerk.components.training.loops.base import Looping
from stellwerk.components.training.loops.hook import ByHook
from stellwerk.spec.train import LOOPS, is_hook


def looping(name: str, hooks: Mapping[str, str]) -> Looping:
    """Returns what makes the loop of that name; of a function of the user's own, `file.py:name`, `hooks` has the text.

    Raises PlugInError where the package that brings it cannot be imported or lacks a part, and HookError where the hook does
    not import or has no such function.
    """
    if is_hook(name):
        return ByHook.load(name, hooks)
    module: Looping = LOOPS.module(name)
    return module
