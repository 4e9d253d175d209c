"""What the log of a step says: the product's own error, what a gate refused, and the end of it without what KFP writes around it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

READ = 1000
"""So many lines of a log are searched."""

_OWN = re.compile(r"stellwerk\.errors\.(\w+): (.*)")
_REFUSED = re.compile(r"stellwerk: refused: (.*)")
_AROUND = re.compile(
    r"[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+ .*?\]"  # the launcher's and the driver's
    r"|time=\S+ level="  # Argo's
    r"|\[KFP Executor "  # that of KFP's SDK
    r'|\{"(executor|inputs|outputs|parameterValues|time|level|msg)'
    r"|Error: exit status \d+$"
)
_FATAL = re.compile(r"F\d{4} \d\d:\d\d:\d\d\.\d+ .*?\] (.*)")
_TRACEBACK = "Traceback (most recent call last):"
_CHAINED = ("During handling of the above exception", "The above exception was the direct cause")


@dataclass(frozen=True)
class Said:
    """What a step said in its log."""

    error: str | None = None
    """The product's own error, which is a whole sentence."""
    refused: bool = False
    """Whether it is that of a gate."""
    reason: str | None = None
    """Another error: the last line of its traceback, or what the launcher or the driver ended with."""
    tail: tuple[str, ...] = ()
    """The end of the log: without KFP's lines, and without the traceback where the error says it all."""


def said(log: Sequence[str], lines: int) -> Said:
    """Reads a log; the last error in it counts. The tail has so many lines at most."""
    own = list(_without_around(log))
    found = next((at for at in range(len(log) - 1, -1, -1) if _OWN.search(log[at])), None)
    if found is None:
        return Said(reason=_last_line(own) or _fatal(log), tail=tuple(own[-lines:]))
    first = _OWN.search(log[found])
    more = itertools.takewhile(lambda line: not _AROUND.match(line) and not line.startswith(_CHAINED), log[found + 1 :])
    text = "\n".join([first[2] if first else "", *more]).rstrip()
    before = own[: own.index(_TRACEBACK)] if _TRACEBACK in own else []
    return Said(text, first is not None and first[1] == "GateRefused", tail=tuple(before[-lines:]))


def refusals(log: Sequence[str]) -> list[str]:
    """Returns what a gate that does not fail says of each requirement that is not met, as sentences."""
    return list(dict.fromkeys(found[1].strip() for line in log if (found := _REFUSED.search(line))))


def _without_around(log: Sequence[str]) -> Iterator[str]:
    """Yields the lines that are the step's own: without KFP's and Argo's, and the JSON that those write over several lines."""
    at = _begun(log)
    while at < len(log):
        line, at = log[at], at + 1
        if not _AROUND.match(line):
            yield line
        elif (line.endswith("{") or (line.endswith(":") and log[at : at + 1] == ["{"])) and "}" in log[at:]:
            at = log.index("}", at) + 1


def _begun(log: Sequence[str]) -> int:
    """Returns where a log begins that was cut within such a JSON."""
    end = next((at for at, line in enumerate(log) if not line.startswith((" ", "\t"))), 0)
    return end + 1 if end and log[end] == "}" else 0


def _last_line(own: Sequence[str]) -> str | None:
    """Returns the line that a traceback ends with: the error's type and message."""
    start = next((at for at in range(len(own) - 1, -1, -1) if own[at] == _TRACEBACK), None)
    if start is None:
        return None
    return next((line.rstrip() for line in own[start + 1 :] if line and not line[0].isspace()), None)


def _fatal(log: Sequence[str]) -> str | None:
    """Returns what the launcher or the driver ended with, unless it is only that the step failed."""
    found = [match[1] for line in log if (match := _FATAL.match(line))]
    return next((each for each in reversed(found) if not re.search(r"exit status \d+$", each)), None)
