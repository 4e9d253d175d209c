"""Every error that a user may meet, as one tree.

    StellwerkError              exit 3
    ├── SpecError               exit 2   the spec is wrong; carries every problem with its line
    ├── UsageError              exit 2   the command line is wrong
    │   └── PlugInError         exit 2   an installed package brings something that cannot be used
    ├── GateRefused             exit 1   the pipeline ran and a gate said no
    ├── ClusterError            exit 3   Kubeflow cannot be reached, or does not do what it was asked
    └── StepFailed              exit 3   a step could not do its work
        ├── DataError           exit 3   the data cannot be used as it is
        ├── ModelError          exit 3   an exported model does not load or does not answer
        └── HookError           exit 3   a user's own Python file does not import or misbehaves

An error says where, what came, and what to do, in one paragraph without a traceback.
"""

from __future__ import annotations

import difflib
import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from stellwerk.showing import readable


class StellwerkError(Exception):
    """Base of all errors that end a command with a clear sentence instead of a traceback.

    Whatever names and addresses a message has in it, it stays readable and tells no signature (`showing.readable`).
    """

    exit_code = 3

    def __init__(self, message: str = "") -> None:
        super().__init__(readable(message))


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong in a spec, said as `file:line: path: what. What to do.` in one line."""

    file: str
    line: int
    path: str
    message: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", readable(self.message))

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return readable(f"{where}: {self.path}: {self.message}" if self.path else f"{where}: {self.message}")


class SpecError(StellwerkError):
    """The spec is wrong. All problems are reported at once, in the order of their lines."""

    exit_code = 2

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class UsageError(StellwerkError):
    """The command line is wrong."""

    exit_code = 2


class PlugInError(UsageError):
    """A package that is installed brings a member of a family that cannot be used."""


class GateRefused(StellwerkError):
    """A gate of the pipeline said no: data anomalies, or a model that is not blessed."""

    exit_code = 1


class ClusterError(StellwerkError):
    """Kubeflow cannot be reached, or does not do what it was asked."""


class StepFailed(StellwerkError):
    """A step could not do its work."""


class DataError(StepFailed):
    """The data cannot be used as it is."""

    def __init__(self, message: str, key: tuple[str | int, ...] = (), said: str = "") -> None:
        """`key` says by keys and list positions what in the spec it is about, and `said` the message where that stands before it."""
        super().__init__(message)
        self.key, self.said = key, said or message

    @classmethod
    def of_key(cls, key: str, said: str) -> DataError:
        """Returns the error of a key of the spec, written with dots; its message begins with that."""
        return cls(f"{key}: {said}", tuple(key.split(".")), said)

    @classmethod
    def of_source(cls, name: str, said: str) -> DataError:
        """Returns the error of a source; its message begins with the name of that."""
        return cls(f"{name}: {said}", ("data", "sources", name), said)


class ModelError(StepFailed):
    """An exported model does not load or does not answer."""


class HookError(StepFailed):
    """A hook (a user's own Python file) does not import, lacks the function, or misbehaves."""


class DamagedWarning(UserWarning):
    """Something that a run kept is not what it should be; it counts as missing, and nothing stops. Commands show it in a line."""


@contextmanager
def about_source(name: str) -> Iterator[None]:
    """Errors of the data that are raised meanwhile are about a source, where they do not say what they are about."""
    try:
        yield
    except DataError as error:
        error.key = error.key or ("data", "sources", name)
        raise


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Returns ` Did you mean 'x'?` for the known word nearest to `word`, or an empty string."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" Did you mean '{near[0]}'?" if near else ""


def sentence(error: BaseException) -> str:
    """Says in one sentence what went wrong where nobody foresaw it: full disks, exhausted memory, plain bugs."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return _disk_full(f" at {error.filename}" if error.filename else "", error.strerror)
    if os.strerror(errno.ENOSPC) in str(error):  # TensorFlow's own error, which is no OSError
        return _disk_full("", os.strerror(errno.ENOSPC))
    if isinstance(error, MemoryError):
        return "out of memory. Close other programs or use a machine with more memory, then run again."
    if isinstance(error, OSError) and error.filename:
        return readable(f"{error.filename}: {error.strerror}. Look at that path and its permissions, then run again.")
    return readable(f"unexpected {type(error).__name__}: {error}")


def _disk_full(where: str, why: str | None) -> str:
    return f"the disk is full{where} ({why}). Free some space and run again; finished steps are kept."
