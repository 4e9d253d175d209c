"""Tasks: the kinds of answer that a model may be asked for. All that is peculiar to one is a folder here.

`TASKS` names them, and whoever needs something of the task of a spec loads that part of it: `TASKS.part(target.type, "tally")`.
What a part has to have is in `parts.py`. The parts that `stellwerk check` and `init` need load no framework.
"""

from __future__ import annotations

from collections.abc import Callable

from stellwerk.errors import PlugInError
from stellwerk.families import Family, names_of
from stellwerk.tasks.parts import PARTS, About

TASKS = Family(
    "tasks",
    "type of target",
    {name: f"stellwerk.tasks.{name}" for name in ("binary", "multiclass", "regression", "multilabel", "forecast")},
    parts={part: names_of(protocol) for part, protocol in PARTS.items()},
)


def about(name: str) -> About:
    """Returns what is to be known of a task where no framework is loaded."""
    found: About = TASKS.part(name, "about").ABOUT
    return found


def named_where(holds: Callable[[About], bool]) -> str:
    """Returns the tasks of which something holds, as a sentence names them; of one whose package is broken nothing does."""
    return " or ".join(name for name in TASKS if _holds(name, holds))


def baselines() -> tuple[str, ...]:
    """Returns the names of what the models of some task are held against; a task of a broken package has none."""
    named = [each for name in TASKS if _holds(name, lambda _: True) for each in about(name).baselines]
    return tuple(dict.fromkeys(named))


def _holds(name: str, holds: Callable[[About], bool]) -> bool:
    try:
        return holds(about(name))
    except PlugInError:
        return False
